"""A command looks for the files of states, and for packages that extend Salt, once: no process of it waits for that."""

import os
import time

import pytest
from mip_salt.federation.document import load
from mip_salt.federation.generate import refresh
from mip_salt.remote.master import load as salt_options

HOUR = 3600


@pytest.fixture
def folder(brain):
    """The federation brain as its pusher finds it."""
    refresh(brain, load(brain))
    return brain


def age(path, seconds):
    when = time.time() - seconds
    os.utime(path, (when, when))


def test_a_state_that_was_written_a_moment_ago_is_found(folder):
    (folder.states / "site").mkdir(exist_ok=True)
    for name in ("first", "second"):  # Salt's own list of before is not yet twenty seconds old
        (folder.states / "site" / f"{name}.sls").write_text("{}")
        _, client = salt_options(folder)
        assert f"site.{name}" in client.list_states("base")


def test_a_list_that_grows_old_while_a_command_runs_is_not_made_again(folder):
    _, client = salt_options(folder)
    (kept,) = (folder.run / "cache" / "file_lists" / "roots").glob("*.p")
    age(kept, HOUR)
    before = kept.stat().st_mtime_ns
    assert client.list_states("base")
    assert kept.stat().st_mtime_ns == before


def test_packages_are_not_looked_for_again(folder, monkeypatch):
    import salt._compat
    from salt.utils.entrypoints import iter_entry_points

    salt_options(folder)
    found = iter_entry_points("salt.loader")
    monkeypatch.setattr(salt._compat.importlib_metadata, "entry_points", lambda: pytest.fail("looked for again"))
    later = time.monotonic() + HOUR
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert iter_entry_points("salt.loader") == found
