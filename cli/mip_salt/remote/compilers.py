"""The processes in which nodes' pillar and states are made: one each, so many at once, the others in turn."""

from __future__ import annotations

import os
import selectors
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mip_salt.remote.worker import Desk, Silent, Worker

Job = Callable[[Desk], Any]
# Given ``told`` and what the job tells, ``call`` and what the node is to be asked, ``made`` and what came of the job.
Hear = Callable[[str, Any], None]


class Task:
    """One job, waiting for its turn or at work."""

    def __init__(self, job: Job, hear: Hear) -> None:
        self.job, self.hear = job, hear
        self.worker: Worker | None = None

    def pump(self) -> None:
        """Take what came from its process."""
        if self.worker is None:
            return
        ended = self.worker.wait(0)
        while self.worker and self.worker.told:
            self.hear("told", self.worker.told.pop(0))
        while self.worker and self.worker.asked:
            self.hear("call", self.worker.asked.pop(0))
        if ended and self.worker:
            try:
                made = self.worker.answer()
            except Silent as err:
                made = {"silent": str(err)}
            self.hear("made", made)

    def answer(self, answer: Any) -> None:
        """Give the job what the node said to its question."""
        if self.worker:
            self.worker.tell(answer)


class Compilers:
    """Processes forked off this one, which has all of Salt in its memory: what one node says never reaches another's.

    selector
        Told of their pipes; the data of each is its task.
    tmp, log
        As of Worker.
    """

    def __init__(self, selector: selectors.BaseSelector, *, tmp: Path, log: Path) -> None:
        self._selector, self._tmp, self._log = selector, tmp, log
        self._at_once = len(os.sched_getaffinity(0))
        self._waiting: deque[Task] = deque()
        self._working: set[Task] = set()
        self._leaving: list[Worker] = []

    def begin(self, job: Job, hear: Hear) -> Task:
        """Let a job be done when its turn comes, which go_on sees to; it must be ended."""
        task = Task(job, hear)
        self._waiting.append(task)
        return task

    def end(self, task: Task) -> None:
        """End a job, done or not, with all it started; nobody waits for the end of its process."""
        worker, task.worker = task.worker, None
        if task in self._waiting:
            self._waiting.remove(task)
        if worker:
            self._working.discard(task)
            self._selector.unregister(worker)
            worker.close()
            self._leaving.append(worker)

    def go_on(self) -> None:
        """Let those begin whose turn it is."""
        self._leaving = [worker for worker in self._leaving if not worker.is_gone()]
        while self._waiting and len(self._working) < self._at_once:
            task = self._waiting.popleft()
            task.worker = Worker(task.job, tmp=self._tmp, log=self._log)
            self._working.add(task)
            self._selector.register(task.worker, selectors.EVENT_READ, task)

    def close(self) -> None:
        """Wait for the processes that still end."""
        for worker in self._leaving:
            worker.end()
