"""The windows of a federation: a shell here, the nodes' logs, a page of help, and a shell on each node, in one tmux."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mip_salt.errors import Damaged, LoginRefused
from mip_salt.federation.files import write_atomic
from mip_salt.federation.folder import Folder
from mip_salt.federation.node_ids import Role
from mip_salt.printable import printable
from mip_salt.vault import agent
from mip_salt.vault.keyring import Vault
from mip_salt.vault.session import held
from mip_salt.workflows.findings import data_of

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

HELP = Path(__file__).with_name("tmux_help.txt")
PREFIX = "C-j"
COMPOSE = "/opt/mip-deployment/Federation"
# Of a window: with more, none of them shows what is worth reading.
PANES = 9
SIZE = ("-x", "200", "-y", "50")
SECONDS = 20
# What is typed in a pane goes on after what ran there; a Ctrl-C ends that, not the pane.
THEN_A_SHELL = 'trap : INT; {command}; exec "${{SHELL:-sh}}"'
OR_A_SHELL = '{command} || exec "${{SHELL:-sh}}"'


class Windows:
    """The tmux of one federation: a server of its own, whose socket lies in the federation's private folder.

    program
        The words that call mip-salt.
    secrets
        Names of variables that nothing in it gets.

    ``within`` says whether this process runs in one of the windows.
    """

    def __init__(self, folder: Folder, program: Sequence[str], secrets: Sequence[str]) -> None:
        self.folder = folder
        self.program = [*program, "--root", str(folder.path.parent), "-f", folder.name]
        # Within another tmux it is one of its own, with another prefix.
        unwanted = {*secrets, "TMUX", "TMUX_PANE"}
        self.within = os.environ.get("TMUX", "").partition(",")[0] == str(folder.tmux_socket)
        self.environ = {name: value for name, value in os.environ.items() if name not in unwanted}

    def call(self, *words: str) -> list[str]:
        """Return the words that call this tmux; nothing of the operator's own settings is read."""
        return ["tmux", "-S", str(self.folder.tmux_socket), "-f", "/dev/null", *words]

    def are_open(self) -> bool:
        """Say whether they are open; raise Damaged if there is no tmux on this machine."""
        return self._run("has-session", "-t", f"={self.folder.name}").returncode == 0

    def open(self, federation: Federation) -> None:
        """Open them, detached, in the place of those that are open.

        Raises LoginRefused if the vault is locked, since each window would ask for its passphrase; Damaged if tmux does
        not do it.
        """
        if not (held(self.folder, Vault(self.folder)) and agent.alive(self.folder)):
            raise LoginRefused(
                "the vault is locked, and every window would ask for its passphrase",
                hint=f"Open it first: mip-salt -f {self.folder.name} vault unlock",
            )
        self.close()
        text = HELP.read_text("utf-8").format(federation=self.folder.name, data=data_of(federation))
        write_atomic(self._help, text)
        words = [word for command in self.commands(federation) for word in (*command, ";")][:-1]
        done = self._run(*words)
        if done.returncode:
            self.close()
            said = printable(done.stderr.strip()) or "without a word"
            raise Damaged(f"tmux did not open the windows: {said}", hint="See whether tmux works here: tmux -V")

    def close(self) -> None:
        """End them, with all that runs in them; they may be closed already, and tmux not there."""
        try:
            self._run("kill-server")
        except Damaged:
            return
        self.folder.tmux_socket.unlink(missing_ok=True)

    def attach(self) -> int:
        """Show them on our own terminal until the operator leaves them; return tmux's exit code."""
        return subprocess.run(
            self.call("attach-session", "-t", f"={self.folder.name}"), env=self.environ, check=False
        ).returncode

    def commands(self, federation: Federation) -> Iterator[list[str]]:
        """Yield the commands of tmux that open the windows."""
        name, nodes = self.folder.name, federation.enabled()
        here = ["-c", str(self.folder.path)]
        yield ["start-server"]
        yield ["set-option", "-g", "prefix", PREFIX]
        yield ["unbind-key", "C-b"]
        yield ["bind-key", PREFIX, "send-prefix"]
        yield ["bind-key", "y", "set-window-option", "synchronize-panes"]
        yield ["bind-key", "R", "respawn-pane", "-k"]
        yield ["set-option", "-g", "history-limit", "20000"]
        yield ["set-option", "-g", "status-left-length", "40"]
        yield ["set-window-option", "-g", "automatic-rename", "off"]
        yield ["set-option", "-g", "allow-rename", "off"]
        yield ["new-session", "-d", "-s", name, "-n", "shell", *SIZE, *here]
        panes = [nodes[at : at + PANES] for at in range(0, len(nodes), PANES)]
        yield from self._logs(f"{name}:1", "logs", panes[0] if panes else ())
        yield [
            *("new-window", "-d", "-t", f"{name}:2", "-n", "help", *here),
            *("sh", "-c", THEN_A_SHELL.format(command=shlex.join(["cat", str(self._help)]))),
        ]
        for number, node in enumerate(nodes, 3):
            yield [
                *("new-window", "-d", "-t", f"{name}:{number}", "-n", node, *here),
                *("sh", "-c", OR_A_SHELL.format(command=shlex.join(self._shell(federation, node)))),
            ]
        for number, more in enumerate(panes[1:], 2):
            yield from self._logs(f"{name}:{len(nodes) + 1 + number}", f"logs{number}", more)

    @property
    def _help(self) -> Path:
        return self.folder.run / "tmux.help"

    def _logs(self, window: str, name: str, nodes: Sequence[str]) -> Iterator[list[str]]:
        """Yield what opens a window with a pane for each node's log, typed in all at once."""
        begin = ["new-window", "-d", "-t", window, "-n", name]
        for number, node in enumerate(nodes):
            log = shlex.join([*self.program, "logs", "--follow", "--node", node])
            yield [*begin, "-c", str(self.folder.path), "sh", "-c", THEN_A_SHELL.format(command=log)]
            yield ["select-pane", "-t", f"{window}.{number}", "-T", node]
            yield ["select-layout", "-t", window, "tiled"]
            begin = ["split-window", "-d", "-t", f"{window}.{number}"]
        options = ("pane-border-status", "top"), ("pane-border-format", " #{pane_title} "), ("synchronize-panes", "on")
        for option in options if nodes else ():
            yield ["set-window-option", "-t", window, *option]

    def _shell(self, federation: Federation, node: str) -> list[str]:
        """Return what opens a shell on a node, where what runs there lies."""
        place = COMPOSE if federation.nodes[node].role == Role.UI else data_of(federation)
        return [*self.program, "ssh", "-t", node, f'cd {shlex.quote(place)}; exec "$SHELL" -l']

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                self.call(*words),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=self.environ,
                timeout=SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise Damaged("tmux is not installed", hint="apt-get install tmux") from None
        except subprocess.TimeoutExpired:
            raise Damaged(
                f"tmux does not answer on {self.folder.tmux_socket}",
                hint="End the tmux that hangs, or remove that socket, and try again.",
            ) from None
