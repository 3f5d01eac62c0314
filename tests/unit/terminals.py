"""`mip-salt vault …` run at a terminal."""

import os
import sys

import pexpect


def at_a_terminal(folder, *words, **environ):
    env = {"PATH": os.environ["PATH"], "TERM": "xterm", "LC_ALL": "C.UTF-8", "COLUMNS": "200", **environ}
    call = ["-m", "mip_salt", "--root", str(folder.path.parent), "-f", "brain", "vault", *words]
    return pexpect.spawn(sys.executable, call, env=env, encoding="utf-8", timeout=30, dimensions=(40, 200))


def ended(child):
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus
