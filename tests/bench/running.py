"""What a federation of four nodes costs that runs: `python -m bench.running`, as root, on a quiet machine.

From bare machines of the lab to a healthy federation, phase by phase; the same again with nothing to do; and the memory
that each node then has in use. What runs are the lab's stand-ins, which are smaller than MIP's own images.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from integration.federations import BIN, FederationUnderTest, to_run
from mip_salt.lab.lab import Lab, default_folder
from mip_salt.terminal import Terminal

LAB = Path("/var/lib/mip-salt-lab-bench")
NODES = ("ms", "ui", "wk1", "wk2")
RUNS = 3
# How a phase announces itself, and what it is called here.
PHASES = {
    ": ways to and from the master": "check of the ways",
    ": joins the swarm": "workers join",
    ": deploys exareme on every node": "exareme deployed, running, named by the master",
    ": looks for the master again": "ui finds the master",
}
# Memory of its own, and its share of what it has in common with others, by process; kB.
MEMORY = (
    "for p in /proc/[0-9]*; do m=$(awk '/^Pss:/ {print $2}' $p/smaps_rollup 2>/dev/null); "
    '[ -n "$m" ] && echo "$m $(cat $p/comm)"; done; true'
)


def main() -> int:
    """Measure, and print what docs/federation.md holds."""
    terminal = Terminal()
    lab = Lab(LAB, Path(os.environ.get("MIP_SALT_LAB_BASE") or default_folder() / "base"))
    lab.down()
    try:
        lab.up(name="bench", progress=lambda line: terminal.say(line))
        with to_run(lab, NODES) as (federation, _):
            _tell(terminal, lab, federation)
    finally:
        lab.down()
    return 0


def _tell(terminal: Terminal, lab: Lab, federation: FederationUnderTest) -> None:
    first = _apply(federation)
    again = sorted(sum(_apply(federation).values()) for _ in range(RUNS))
    begun = time.monotonic()
    federation.salt_ssh("*", "state.apply")
    raw = time.monotonic() - begun
    rows = [*first.items(), ("first apply, whole", sum(first.values()))]
    rows += [(f"apply with nothing to do (median of {RUNS})", again[RUNS // 2]), ("the same by raw salt-ssh", raw)]
    terminal.title("What it takes")
    terminal.table(("PHASE", "SECONDS"), [(name, f"{seconds:.1f}") for name, seconds in rows])
    terminal.title("Memory in use on each node, MiB")
    terminal.table(("NODE", "WHOLE", "OF IT"), [_memory(lab, node) for node in NODES])


def _apply(federation: FederationUnderTest) -> dict[str, float]:
    """Apply, and return the seconds of each phase."""
    call = [str(BIN / "mip-salt"), "-f", federation.name, "apply"]
    spent, phase, begun = {}, "highstate on all, side by side", time.monotonic()
    with subprocess.Popen(
        call,
        env=federation.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        for line in running.stderr or ():
            found = next((name for words, name in PHASES.items() if words in line), "")
            if found:
                now = time.monotonic()
                spent[phase], phase, begun = now - begun, found, now
    if running.returncode:
        sys.exit("bench: the federation does not come up")
    return {**spent, phase: time.monotonic() - begun}


def _memory(lab: Lab, node: str) -> tuple[str, str, str]:
    used: dict[str, int] = {}
    for line in lab.node(node).run(MEMORY).splitlines():
        size, _, name = line.partition(" ")
        used[name] = used.get(name, 0) + int(size)
    most = sorted(used.items(), key=lambda each: -each[1])[:4]
    told = ", ".join(f"{name} {size // 1024}" for name, size in most)
    return node, str(sum(used.values()) // 1024), told


if __name__ == "__main__":
    sys.exit(main())
