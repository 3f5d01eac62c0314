"""Three things that Salt does over and over, done once: a quarter of what a run costs a node (measured, 3008.3).

On a node and on the pusher alike; Python 3.8 and later, its standard library. What comes of it is what Salt's own comes
to.
"""

from __future__ import annotations

import contextlib
import copy
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def make_quicker() -> None:
    """Let Salt's loaders and options, in this process, not do the same work again; to say so twice changes nothing."""
    from salt.loader.lazy import LazyLoader
    from salt.utils.optsdict import OptsDict

    if "__bool__" not in vars(OptsDict):
        OptsDict.__bool__ = _holds_something
        LazyLoader._refresh_file_mapping = _list_once(LazyLoader._refresh_file_mapping)


@contextlib.contextmanager
def interfaces_once() -> Iterator[None]:
    """Let the node's network interfaces be looked up once while its grains are made: three of them need all of it."""
    from salt.utils import network

    ask = network.linux_interfaces
    known: list[Any] = []

    def asked() -> Any:
        if not known:
            known.append(ask())
        return copy.deepcopy(known[0])

    network.linux_interfaces = asked
    try:
        yield
    finally:
        network.linux_interfaces = ask


def _holds_something(options: Any) -> bool:
    """Say whether options are not empty: to see that, Salt counts them all, whenever it makes some for a module."""
    return any(key in options for key in options._get_all_keys())


def _list_once(refresh: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return what lists a loader's modules: each loader lists its folders twice, and a run of states has dozens.

    refresh
        Salt's own.
    """
    import salt

    package = f"{os.path.dirname(salt.__file__)}/"  # where nothing changes while this process runs
    known: dict[str, Any] = {}

    def names(folder: str) -> list[Any]:
        if folder.startswith(package):
            return []
        return [(place, sorted(folders), sorted(files)) for place, folders, files in os.walk(folder)]

    def refreshed(loader: Any) -> None:
        what = [(folder, names(folder)) for folder in loader.module_dirs]
        how = [sorted(loader.disabled), loader.suffix_order, loader.static_modules]
        how += [loader.opts.get(name) for name in ("cython_enable", "enable_zip_modules", "optimization_order")]
        key = repr((what, how))
        if key not in known:
            refresh(loader)
            known[key] = dict(loader.file_mapping), dict(loader.suffix_map), list(loader.suffix_order)
        mapping, suffixes, order = known[key]
        loader.file_mapping, loader.suffix_map, loader.suffix_order = dict(mapping), dict(suffixes), list(order)

    return refreshed
