"""Whoever asks us to stop is heard, once and wherever Python is just then; each case is a process of its own."""

import subprocess
import sys

import pytest

BEGIN = """
import os, signal, sys, time, weakref
from mip_salt.interrupts import heed, held_back
heed()
def press(signum=signal.SIGINT):
    os.kill(os.getpid(), signum)
    [None for _ in range(1000)]  # Python looks for signals on the way
class Last:
    def __del__(self):
        press()
class Other:
    pass
"""
FORGETFUL = {
    "a finaliser": "Last()",
    "the end of a reference": "one = Other(); kept = weakref.ref(one, lambda _: press()); del one",
    "what is done after a fork": """
os.register_at_fork(after_in_parent=press)
if os.fork() == 0:
    os._exit(0)
""",
}


def said(script):
    """What a process says, which stops itself with one of the script's signals or waits too long for that."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script], capture_output=True, text=True, timeout=60, start_new_session=True
    )
    return done.stdout, done.stderr


def waiting(script):
    lines = "".join(f"    {line}\n" for line in script.strip().splitlines())
    return f"try:\n{lines}    time.sleep(30)\n    print('forgotten')\nexcept KeyboardInterrupt:\n    print('stopped')\n"


@pytest.mark.parametrize("place", FORGETFUL)
def test_where_python_forgets_an_exception_it_is_raised_anew_and_nothing_is_printed(place):
    assert said(waiting(FORGETFUL[place])) == ("stopped\n", "")


def test_a_second_one_is_heard_there_too():
    assert said(waiting("Last()") + waiting("Last()")) == ("stopped\nstopped\n", "")


@pytest.mark.parametrize("signum", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_each_signal_is_one_exception_and_no_more(signum):
    once = waiting(f"press(signal.{signum})")
    assert said(once + "time.sleep(0.1)\nprint('goes on')") == ("stopped\ngoes on\n", "")


def test_any_other_exception_that_python_forgets_is_printed_as_ever():
    out, err = said("Other.__del__ = lambda self: 1 / 0\nOther()\nprint('goes on')")
    assert out == "goes on\n"
    assert "ZeroDivisionError" in err


def test_what_others_make_of_an_interrupt_is_not_printed():
    assert said(waiting("press()") + "Other.__del__ = lambda self: 1 / 0\nOther()\n") == ("stopped\n", "")


def test_what_is_held_back_comes_at_the_end_and_not_before():
    script = "with held_back():\n    press()\n    print('not yet', flush=True)\nprint('never')"
    assert said(waiting(script)) == ("not yet\nstopped\n", "")


def test_nothing_comes_of_holding_back_when_nothing_came():
    assert said("with held_back():\n    print('one')\nprint('two')") == ("one\ntwo\n", "")
