"""Modules that are read when something is first asked of them: much of what Salt imports, it hardly ever uses.

On a node and on the pusher alike; Python 3.8 and later, its standard library.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

# What a small part of a package has: for it alone nobody need read the package.
PARTS = {("asyncio", "TimeoutError"): "asyncio.exceptions"}


class _Late(ModuleType):
    """A module that is there, and not read yet.

    The library's own, importlib.util.LazyLoader, reads one as soon as a second module imports it (measured, 3.11).
    """

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":  # a module has none, and who imports asks for it
            raise AttributeError(name)
        if (self.__name__, name) in PARTS:
            return getattr(importlib.import_module(PARTS[self.__name__, name]), name)
        spec: Any = self.__spec__
        late = spec.loader
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__loader__ = spec.loader = late.real
        try:
            late.real.exec_module(self)
        except BaseException:
            self.__loader__ = spec.loader = late
            self.__class__ = _Late
            raise
        return getattr(self, name)


class _Loader:
    """Makes a module, and leaves it at that.

    real
        Reads it when its time has come.
    """

    def __init__(self, real: Any) -> None:
        self.real = real

    def create_module(self, spec: Any) -> Any:
        return self.real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__class__ = _Late

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Late:
    """Finds modules, before all other finders do, and has them read late; those that are here already stay as they are.

    names
        Of modules that others import as a whole, by ``import name``, and that change nothing elsewhere when they are
        read, Jinja's filters aside.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(names)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return how a module is found and read, as every finder does; None for what is not read late."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if name in self.names else None
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


def read_late(names: Collection[str]) -> None:
    """Have modules read late from now on, in this process; to say so twice changes nothing."""
    if not any(isinstance(finder, Late) for finder in sys.meta_path):
        sys.meta_path[:0] = [Late(names)]


def keep_filters() -> None:
    """Give Jinja the filters that modules add when they are read, of those that may be read late: one adds one."""
    from salt.utils.decorators.jinja import JinjaFilter

    JinjaFilter.salt_jinja_filters.setdefault("http_query", _http_query)


def _http_query(*args: Any, **kwargs: Any) -> Any:
    import salt.utils.http

    return salt.utils.http.query(*args, **kwargs)
