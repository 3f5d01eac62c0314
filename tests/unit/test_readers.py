"""What a command does once nobody reads it any more: it ends quietly, or finishes what it is at work on."""

import os
import subprocess
import sys

import pytest

BEGIN = "import sys\nfrom mip_salt.readers import ended, finish_anyway, watch\nwatch()\n"
SAY = "print('said', flush=True)\n"


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"], autouse=True)
def buffering(request, monkeypatch):
    """Whether Python keeps back what it writes: as ever, and as PYTHONUNBUFFERED has it."""
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)


@pytest.fixture
def unread():
    """A pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


def run(*words, **pipes):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **pipes}
    return subprocess.run([sys.executable, *words], text=True, timeout=60, **pipes)


@pytest.mark.parametrize("words", [["--help"], ["schema", "federation"], ["man"]])
def test_a_command_whose_reader_has_gone_ends_as_by_sigpipe_and_says_nothing(unread, words):
    done = run("-m", "mip_salt", *words, stdout=unread)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_command_that_has_nothing_for_a_reader_ends_as_ever(unread):
    done = run("-m", "mip_salt", "nonsense", stdout=unread)
    assert done.returncode == 2
    assert "nonsense" in done.stderr


def test_what_a_with_opened_is_closed_and_nothing_after_it_is_done(unread, tmp_path):
    source = f"""
try:
    {SAY}
    open({str(tmp_path / "went-on")!r}, "w")
except KeyboardInterrupt:
    open({str(tmp_path / "closed")!r}, "w")
    print("stopped", file=sys.stderr)
    sys.exit(ended(130))
"""
    done = run("-c", BEGIN + source, stdout=unread)
    assert [path.name for path in tmp_path.iterdir()] == ["closed"]
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(("code", "told"), [(0, 141), (7, 7)])
def test_work_is_finished_without_a_reader_of_its_table_and_what_failed_is_told(unread, code, told):
    source = f"finish_anyway()\n{SAY}print('failed', file=sys.stderr)\nsys.exit(ended({code}))"
    done = run("-c", BEGIN + source, stdout=unread)
    assert (done.returncode, done.stderr) == (told, "failed\n")


def test_work_stops_as_by_ctrl_c_once_nobody_reads_how_it_goes(unread):
    source = "finish_anyway()\ntry: print('working', file=sys.stderr)\nexcept KeyboardInterrupt: print('stopped')\n"
    done = run("-c", f"{BEGIN}{source}sys.exit(ended(130))", stderr=unread)
    assert (done.returncode, done.stdout) == (141, "stopped\n")


def test_a_reader_that_stays_changes_nothing():
    done = run("-c", f"{BEGIN}{SAY}print('why', file=sys.stderr)\nsys.exit(ended(5))")
    assert (done.returncode, done.stdout, done.stderr) == (5, "said\n", "why\n")


def test_a_command_without_standard_output_does_its_work():
    closed = f"exec {sys.executable} -m mip_salt --version >&-"
    assert subprocess.run(["sh", "-c", closed], stderr=subprocess.PIPE, timeout=60, check=False).returncode == 0
