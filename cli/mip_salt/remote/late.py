"""A mapping of Salt's that is made when something is first looked for in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class Late:
    """A loader, made late: to make one Salt lists hundreds of files, and most trees never ask it anything.

    make
        Makes it.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def _it(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __getitem__(self, name: str) -> Any:
        return self._it()[name]

    def __contains__(self, name: str) -> bool:
        return name in self._it()

    def __iter__(self) -> Iterator[str]:
        return iter(self._it())

    def __len__(self) -> int:
        return len(self._it())

    def __getattr__(self, name: str) -> Any:
        # Salt asks whether it is a loader by these, to give it a pillar that it gets all the same once it is made.
        if name == "pack" or name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._it(), name)
