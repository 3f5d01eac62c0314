"""Questions at a real terminal: what is typed, what is seen of it, and that a signal ends them."""

import os
import signal
import sys

import pexpect
import pytest

ASK = """
import os, signal
from mip_salt.interrupts import heed
from mip_salt.keyboard import read_line
heed()
{before}
try:
    print("got", ascii(read_line("Well? ", hidden={hidden})))
except KeyboardInterrupt:
    print("stopped")
except UnicodeDecodeError:
    print("no text")
"""
# A handler's exception that falls into a finaliser is forgotten by Python.
SIGNAL_IN_A_FINALISER = """
class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        [None for _ in range(1000)]
Last()
"""


@pytest.fixture
def ask():
    asked = []

    def start(before="", hidden=False):
        source = ASK.format(before=before, hidden=hidden)
        child = pexpect.spawn(
            sys.executable, ["-c", source], encoding="utf-8", codec_errors="replace", timeout=20, dimensions=(24, 80)
        )
        asked.append(child)
        return child

    yield start
    for child in asked:
        child.close(force=True)


def end(child):
    child.expect(pexpect.EOF)
    return child.before.replace("\r\n", "\n").strip()


def test_a_line_is_seen_and_returned_without_its_end(ask):
    child = ask()
    child.expect_exact("Well? ")
    child.sendline(" é  x ")
    assert end(child) == " é  x \ngot ' \\xe9  x '".strip()


def test_a_hidden_line_is_returned_and_never_seen(ask):
    child = ask(hidden=True)
    child.expect_exact("Well? ")
    child.sendline("s3cret")
    assert end(child) == "got 's3cret'"


def test_what_is_typed_before_a_hidden_question_stands_there_is_not_its_answer(ask):
    child = ask(before="import sys; sys.stdin.readline(); print('now', flush=True); sys.stdin.readline()", hidden=True)
    child.sendline("go")
    child.expect("now")
    child.sendline("go")
    child.expect_exact("Well? ")
    child.sendline("the answer")
    assert end(child) == "got 'the answer'"


@pytest.mark.parametrize("hidden", [False, True])
def test_ctrl_c_ends_a_question(ask, hidden):
    child = ask(hidden=hidden)
    child.expect_exact("Well? ")
    child.sendintr()
    assert end(child).endswith("stopped")


@pytest.mark.parametrize("hidden", [False, True])
def test_ctrl_d_ends_a_question(ask, hidden):
    child = ask(hidden=hidden)
    child.expect_exact("Well? ")
    child.sendeof()
    assert end(child).endswith("stopped")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_a_question_too(ask, signum):
    child = ask()
    child.expect_exact("Well? ")
    child.kill(signum)
    assert end(child).endswith("stopped")


@pytest.mark.parametrize("hidden", [False, True])
def test_a_signal_that_python_loses_before_the_question_ends_it_all_the_same(ask, hidden):
    child = ask(before=SIGNAL_IN_A_FINALISER, hidden=hidden)
    assert end(child).removeprefix("Well? ").strip() == "stopped"


def test_bytes_that_are_no_text_are_told_apart(ask):
    child = ask()
    child.expect_exact("Well? ")
    os.write(child.child_fd, b"\xff\xfe\n")
    assert end(child).endswith("no text")
