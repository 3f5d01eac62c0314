"""A command that only looks starts at once: it imports nothing that it does not need, and asks ssh for a master."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mip_salt.federation.folder import Folder

MACHINE = "a" * 32
ANSWER = f"""\
MIP3-clock 1.0
MIP2
wk1
{MACHINE}
nopasswd
x86_64
2
1024
3.11.2
Debian
end
MIP3
kernel 6.1
MIP3-end
"""
DOCUMENT = f"""\
mip:
  federation: brain
  nodes:
    wk1: {{role: worker, address: 127.0.0.1, port: PORT, user: root, hostname: wk1, machine_id: {MACHINE}}}
"""
# Says that gpg-agent holds the vault's key.
AGENT = "#!/bin/sh\necho 'S KEYINFO AA D - - 1 P - - -'\n"
RUN = """
import sys
from mip_salt.main import main
try:
    main()
finally:
    print(sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""
HEAVY = {"salt", "yaml", "asyncssh", "gnupg", "pydantic", "ruamel", "rich", "cryptography"}


@pytest.fixture
def brain(tmp_path: Path) -> Iterator[Folder]:
    """A federation held open, whose ssh is a script that answers for its node."""
    folder = Folder(Path(f"/tmp/mip-s-{os.getpid()}/brain"))
    folder.create()
    folder.gnupg.mkdir(mode=0o700)
    listener = socket.create_server(("127.0.0.1", 0))  # for `node check`, which looks whether the port answers
    folder.document.write_text(DOCUMENT.replace("PORT", str(listener.getsockname()[1])))
    folder.known_hosts.write_text("")
    folder.unlocked.touch()
    scripts = {
        "gpg-connect-agent": AGENT,
        "ssh": f"#!/bin/sh\nprintf '%s\\n' \"$@\" >> {tmp_path}/called\ncat {tmp_path}/answer\n",
    }
    (tmp_path / "answer").write_text(ANSWER)
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder.identity], check=True)
    with subprocess.Popen(["ssh-agent", "-D", "-a", folder.agent_socket], stdout=subprocess.PIPE) as agent:
        assert agent.stdout
        agent.stdout.readline()
        try:
            give = {**os.environ, "SSH_AUTH_SOCK": str(folder.agent_socket)}
            subprocess.run(["ssh-add", "-q", folder.identity], env=give, check=True)
            yield folder
        finally:
            agent.terminate()
            listener.close()
            subprocess.run(["rm", "-r", folder.path.parent], check=True)


def ran(folder: Folder, tmp_path: Path, *words: str) -> tuple[Any, set[str], str]:
    """Run a command a second time; return its document, what it imported, and the words that ssh was called with."""
    call = [sys.executable, "-c", RUN, "--root", folder.path.parent, "-f", "brain", *words]
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for _ in range(2):
        done = subprocess.run(call, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=env)
    return json.loads(done.stdout), set(eval(done.stderr.splitlines()[-1])), (tmp_path / "called").read_text()


def test_status_imports_nothing_heavy_and_asks_for_a_master(brain: Folder, tmp_path: Path) -> None:
    told, loaded, called = ran(brain, tmp_path, "--json", "status")
    (row,) = told["nodes"]
    assert (row["kind"], row["facts"]["kernel"]) == ("ok", "6.1")
    assert not loaded & (HEAVY | {"asyncio"})
    assert "ControlMaster=auto\n" in called
    assert f"ControlPath={brain.masters}/" in called


def test_a_check_of_a_node_imports_nothing_heavy(brain: Folder, tmp_path: Path) -> None:
    told, loaded, _ = ran(brain, tmp_path, "--json", "node", "check", "wk1")
    assert {found["what"]: found["said"] for found in told["nodes"][0]["findings"]}["hostname"] == "wk1"
    assert not loaded & HEAVY


def test_an_apply_asks_its_nodes_before_it_imports_anything_heavy() -> None:
    code = """
import sys
import mip_salt.federation.recall, mip_salt.federation.generate, mip_salt.vault.session
import mip_salt.commands.apply, mip_salt.commands.show_states, mip_salt.workflows.apply
print(sorted({name.split(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(eval(done.stdout)) & ((HEAVY - {"yaml"}) | {"asyncio"})


def ended(code: str) -> subprocess.CompletedProcess[str]:
    """Start the command line with another in its place."""
    script = f"import mip_salt.main, mip_salt.start\n{code}\nmip_salt.main.main = command\nmip_salt.start.main()"
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)


def test_a_command_ends_with_its_exit_code_and_all_it_said() -> None:
    done = ended("""
import atexit, sys
def command():
    atexit.register(print, "at its end")
    print("said")
    print("wrong", file=sys.stderr)
    sys.exit(7)
""")
    assert (done.returncode, done.stdout, done.stderr) == (7, "said\nat its end\n", "wrong\n")


def test_a_thread_that_is_at_work_is_waited_for() -> None:
    done = ended("""
import sys, threading
def command():
    goes_on = threading.Event()
    threading.Thread(target=lambda: (goes_on.wait(), print("done"))).start()
    threading.Timer(0.1, goes_on.set).start()
    sys.exit(5)
""")
    assert (done.returncode, done.stdout) == (5, "done\n")


def test_ctrl_c_while_the_command_line_is_only_read_is_130_and_no_traceback() -> None:
    script = """
import sys
class Pressed:
    def find_spec(self, name, path=None, target=None):
        if name == "mip_salt.main":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Pressed())
import mip_salt.start
mip_salt.start.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_once_more_when_all_is_said_is_no_traceback_either() -> None:
    done = ended("""
def command():
    print("stopped")
    raise KeyboardInterrupt
""")
    assert (done.returncode, done.stdout, done.stderr) == (130, "stopped\n", "")
