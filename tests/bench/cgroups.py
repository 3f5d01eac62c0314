"""What processes cost: a group of the kernel's that counts all of them, those that detach or have ended too."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

SAMPLE_SECONDS = 0.05
ENDING_SECONDS = 5.0


def unified() -> Path:
    """Return where cgroup2 is mounted: there every group counts its CPU time, whatever controllers it has."""
    for fields in _mounts():
        if fields[2] == "cgroup2":
            return Path(fields[1])
    raise SystemExit("bench: this kernel has no cgroup2 mounted; mount -t cgroup2 none /sys/fs/cgroup/unified")


def cpu_of(group: Path) -> float:
    """Return the seconds of CPU that a cgroup2 group and those below it have used since it was made."""
    for line in (group / "cpu.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / 1e6
    return 0.0


class Group:
    """A group for processes that are measured.

    name
        Unique on this machine.
    """

    def __init__(self, name: str) -> None:
        self.folder = unified() / name
        memory = _memory_folder(name)
        self.folders = [self.folder, *([memory] if memory and memory != self.folder else [])]
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
        self._memory = memory / "memory.stat" if memory and (memory / "memory.stat").exists() else None

    def entering(self, argv: list[str]) -> list[str]:
        """Return a command that enters the group and then becomes another; its children stay in the group."""
        enter = "".join(f"echo $$ >{folder}/cgroup.procs; " for folder in self.folders)
        return ["sh", "-c", f'{enter}exec "$@"', "bench", *argv]

    def cpu(self) -> float:
        """Return the seconds of CPU used in it since it was made."""
        return cpu_of(self.folder)

    def memory(self) -> int:
        """Return the bytes of anonymous memory in it now, what processes share counted once; 0 if nobody counts."""
        if self._memory:
            # total_rss is cgroup v1's name for it, anon that of v2.
            for line in self._memory.read_text().splitlines():
                name, _, value = line.partition(" ")
                if name in ("total_rss", "anon"):
                    return int(value)
        return 0

    def pids(self) -> list[int]:
        """Return the processes in it."""
        return [int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()]

    def end(self) -> None:
        """End every process in it: first asked to (an ssh master then takes its socket away), then killed."""
        for signum in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + ENDING_SECONDS
            while (pids := self.pids()) and time.monotonic() < deadline:
                for pid in pids:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signum)
                time.sleep(0.02)

    def remove(self) -> None:
        """End what is in it, and take it away."""
        self.end()
        deadline = time.monotonic() + ENDING_SECONDS
        for folder in self.folders:
            while folder.exists() and time.monotonic() < deadline:
                with suppress(OSError):
                    folder.rmdir()
                time.sleep(0.02)


class Peak(threading.Thread):
    """Watches how much memory a group has; ``bytes`` is the most that was seen."""

    def __init__(self, group: Group) -> None:
        super().__init__(daemon=True)
        self.group, self.bytes, self._over = group, 0, threading.Event()

    def __enter__(self) -> Peak:
        self.start()
        return self

    def run(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self.bytes = max(self.bytes, self.group.memory())

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def _memory_folder(name: str) -> Path | None:
    """Return where a group's memory is counted, if this machine counts it: in cgroup2, or in a hierarchy of its own."""
    top = unified()
    if "memory" in (top / "cgroup.subtree_control").read_text().split():
        return top / name
    own = next((line for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line), "")
    for fields in _mounts():
        if fields[2] == "cgroup" and "memory" in fields[3].split(",") and own:
            return Path(fields[1] + own.split(":", 2)[2].rstrip("/")) / name
    return None


def _mounts() -> list[list[str]]:
    return [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
