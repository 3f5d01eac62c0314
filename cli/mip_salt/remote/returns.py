"""Turn whatever Salt hands back for a node into one typed result; the node may have made all of it up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mip_salt.errors import MipError
from mip_salt.federation.folder import Folder
from mip_salt.federation.generate import NOT_CONFIRMED
from mip_salt.pillars.mip_runs import REMEDY
from mip_salt.printable import printable
from mip_salt.remote.results import Kind, NodeResult
from mip_salt.remote.states import STATE_RUNS, StateRun, state_run
from mip_salt.ssh.tried import SSH_FAILED, Tried
from mip_salt.ssh.verdict import SUDO, verdict

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation

WRONG_MACHINE = 77
MAX_TEXT = 32 * 1024
MAX_REASON = 400
UNUSABLE = "no usable answer"
PILLAR_FAILED = "Pillar failed to render"

EXT_PILLAR = re.compile(r"Failed to load ext_pillar mip_\w+: ")  # Salt's words around ours (read in 3008.3)

BROKE = re.compile(
    r"^(?:client_loop: |Timeout, server \S+ not responding|Connection to \S+ closed by remote host)"
    r"|^(?:\S+: )?Write failed: |Broken pipe",
    re.M,
)
EXPIRED = re.compile(r"password has expired|must change your password|required to change your password", re.I)
NO_PYTHON = re.compile(r"^(?:sudo|env|sh): .*python3.*(?:not found|No such file)", re.M)
OLD_PYTHON = re.compile(
    r"unsupported operand type\(s\) for \||'?type'? object is not subscriptable|requires Python ?[>'\"]|SyntaxError:"
)
NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded")
RUNNING = re.compile(r'The function "[\w.]{1,60}" is running as PID')


@dataclass(frozen=True)
class Asked:
    """What a node was asked, and how an operator asks it again."""

    folder: Folder
    federation: Federation
    node: str
    function: str
    command: str = ""


def classify(asked: Asked, raw: Any) -> NodeResult:
    """Return the result that Salt's return, or the end of ssh, tells; never raise, whatever it is.

    Only a mapping with ``return`` and a whole-number ``retcode``, and no ``_error``, can be a success (facts, 5).
    """
    if isinstance(raw, Mapping):
        if "_error" not in raw and "return" in raw and _is_number(raw.get("retcode")):
            return _returned(asked, raw["return"], raw["retcode"])
        if "_error" in raw or "stderr" in raw:
            return _errored(asked, raw)
    lines = _lines(raw)
    return _told(asked, lines) if lines else unusable(asked, _shape(raw))


def unusable(asked: Asked, why: str) -> NodeResult:
    """Return the failure of an answer that means nothing."""
    return failed_here(asked, Kind.FAILED, f"{UNUSABLE}: {why}", "Run it again; if it stays, look at the node by hand.")


def _returned(asked: Asked, data: Any, status: int) -> NodeResult:
    if asked.function in STATE_RUNS:
        run = state_run(data)
        if run is None:
            lines = _lines(data)
            return _told(asked, lines) if lines else unusable(asked, f"{_shape(data)} in place of states")
        return _ran(asked, run, status)
    if asked.function.startswith("pillar.") and isinstance(data, Mapping) and data.get("_errors"):
        return _told(asked, [PILLAR_FAILED, *_lines(data["_errors"])])
    if status:
        said = "; ".join(_lines(data))
        return failed_here(
            asked, Kind.FAILED, f"{asked.function} ended with {status}: {said or 'without a word'}", data=data
        )
    return NodeResult(asked.node, Kind.OK, data=data, command=asked.command)


def _ran(asked: Asked, run: StateRun, status: int) -> NodeResult:
    kind, error = Kind.OK, ""
    if run.failed:
        first = run.failures()[0]
        kind = Kind.FAILED
        error = f"{run.failed} of {len(run.rows)} states failed, first {first.function} {first.id}: {first.comment}"
    elif status:
        kind, error = Kind.FAILED, f"its states look well, but Salt ended with {status}"
    elif run.changed:
        kind = Kind.CHANGED
    return NodeResult(
        asked.node,
        kind,
        data=run,
        error=error,
        hint="Each failed state says why; mend that, then run it again." if error else "",
        command=asked.command,
        changed=run.changed,
        failed=run.failed,
    )


def _errored(asked: Asked, raw: Mapping[str, Any]) -> NodeResult:
    """Read an error: ssh's and Salt's own by their exit codes, since a node prints what it likes."""
    text = "\n".join(_text(raw.get(key)) for key in ("stderr", "stdout"))
    status = raw["retcode"] if _is_number(raw.get("retcode")) else 1
    if status == WRONG_MACHINE and NOT_CONFIRMED in text:
        return _wrong_machine(asked)
    if SUDO.search(text):
        return failed_here(
            asked,
            Kind.LOGIN,
            f"it does not let {asked.federation.nodes[asked.node].user} become root: {_said(text)}",
            "Confirm the node again, which sets up sudo: "
            f"mip-salt -f {asked.folder.name} configure --node {asked.node}",
        )
    if status == SSH_FAILED and BROKE.search(text):
        return failed_here(
            asked,
            Kind.UNREACHABLE,
            "the connection broke in mid-run",
            "What ran there may have gone on. Once it is reachable, run it again: what is done already stays as it is.",
        )
    if status == SSH_FAILED or EXPIRED.search(text):
        error = verdict(Tried(asked.folder, asked.federation, asked.node, asked.command), text.encode(), SSH_FAILED)
        # A node may end with 255 as well: only what ssh is known to say is ssh's.
        if not error.message.startswith("ssh failed"):
            return from_error(asked, error)
    why, hint = _reason(text, status)
    return failed_here(asked, Kind.FAILED, why, hint)


def _reason(text: str, status: int) -> tuple[str, str]:
    if NO_PYTHON.search(text):
        return "it has no usable Python 3", "Install it on the node: apt-get install python3"
    if OLD_PYTHON.search(text):
        return (
            f"its Python is too old for the Salt that is sent to it: {_said(text)}",
            "Python 3.8 is the oldest that can do it. See: python3 --version, on the node.",
        )
    if NO_SPACE.search(text):
        return f"its disk is full: {_said(text)}", "Free space under /var/lib and /run on the node, then run it again."
    if status == SSH_FAILED and not text.strip():
        return "what ran for us there was ended by a signal", "See who did it, or what: journalctl -k, on the node."
    return f"Salt on the node ended with {printable(status, 20)}: {_said(text) or 'without a word'}", ""


def _wrong_machine(asked: Asked) -> NodeResult:
    node, name = asked.federation.nodes[asked.node], asked.folder.name
    return failed_here(
        asked,
        Kind.REFUSED,
        f"it is not the confirmed machine (hostname {node.hostname}, machine-id {node.machine_id}); nothing was sent",
        "It has the confirmed host key, so it was renamed, reinstalled with its old key, or cloned. Ask its "
        f"administrator. Only if it is meant: mip-salt -f {name} node trust {asked.node} --host-key SHA256:…",
    )


def _told(asked: Asked, lines: Sequence[str]) -> NodeResult:
    """Read a bare text or list of texts: what Salt on the pusher could not render, mostly."""
    text = "; ".join(lines)
    if RUNNING.search(text):
        return failed_here(
            asked, Kind.BUSY, f"another run works on it: {text}", "Wait for it to end, then run it again."
        )
    if text.startswith(PILLAR_FAILED):
        why = "; ".join(lines[1:])
        if "locked" in why:
            return failed_here(
                asked, Kind.LOGIN, "the vault is locked", f"Open it: mip-salt -f {asked.folder.name} vault unlock"
            )
        why, _, remedy = EXT_PILLAR.sub("", why).partition(REMEDY)
        return failed_here(
            asked,
            Kind.DAMAGED,
            f"its pillar cannot be made: {why}",
            remedy or f"More is in {asked.folder.log / 'salt-ssh.log'}. Mend or restore the file it names.",
        )
    return failed_here(asked, Kind.FAILED, text, f"More is in {asked.folder.log / 'salt-ssh.log'}.")


def from_error(asked: Asked, error: MipError) -> NodeResult:
    """Return the result that an error of ours means for its node."""
    return failed_here(asked, Kind(error.kind), error.message, error.hint)


def failed_here(asked: Asked, kind: Kind, error: str, hint: str = "", data: Any = None) -> NodeResult:
    """Return a failure, its text inert and bounded."""
    shown = printable(error.replace("\n", " "), MAX_REASON)
    return NodeResult(asked.node, kind, data=data, error=shown, hint=hint, command=asked.command)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: Any) -> str:
    """Return a text of bounded length: its beginning, where ssh speaks, and its end, where a trace says why."""
    if not isinstance(value, str):
        return ""
    return value if len(value) <= 2 * MAX_TEXT else f"{value[:MAX_TEXT]}\n{value[-MAX_TEXT:]}"


def _said(text: str) -> str:
    """Return the last thing said, which is what a Python trace or a tool ends with."""
    return printable(next((line.strip() for line in reversed(text.splitlines()) if line.strip()), ""), 200)


def _lines(value: Any) -> list[str]:
    """Return the texts of a text or a list of texts, bounded; none if it is something else."""
    texts = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    found = [text[:MAX_REASON].strip() for text in texts[:10] if isinstance(text, str)]
    return [printable("; ".join(filter(None, map(str.strip, text.splitlines()))), MAX_REASON) for text in found if text]


def _shape(value: Any) -> str:
    if value is None:
        return "nothing"
    names = {
        dict: "a mapping",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return ("an empty " if value in ({}, [], "") else "") + names.get(type(value), "something else").removeprefix(
        "a " if value in ({}, [], "") else ""
    )
