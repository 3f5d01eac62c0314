"""Real nodes for the tests: one lab a session, in a folder of its own, over the base images of the usual lab."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from mip_salt.errors import MipError
from mip_salt.lab.lab import Lab, default_folder
from mip_salt.lab.requirements import require

# Always the same folder: what is found in it was left by a killed session.
FOLDER = Path("/var/lib/mip-salt-lab-test")
HELD = Path("/run/mip-salt-lab-test.lock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the lab's own tests last: they take it down."""
    items.sort(key=lambda item: item.path.name == "test_lab.py")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Give the lab with the nodes ms, ui, wk1 and wk2, booted once a session."""
    try:
        require()
    except MipError as err:
        refuse(f"{err}: {err.hint}")
    cache = Path(os.environ.get("MIP_SALT_LAB_BASE") or default_folder() / "base")
    lab = Lab(FOLDER, cache)
    with HELD.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refuse("another test session uses the lab")
        for other in lab.others():
            if not os.environ.get("CI"):
                refuse(f"a lab is up in {other}: MIP_SALT_LAB={other} mip-salt lab down")
            Lab(other).down()
        lab.down()
        try:
            lab.up(name="test")
            yield lab
        finally:
            lab.down()
            HELD.unlink(missing_ok=True)


def refuse(reason: str) -> NoReturn:
    """Skip the tests that need a lab; in continuous integration nothing is skipped, so fail there."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


# --- the federation on these nodes -----------------------------------------------------------------------------
