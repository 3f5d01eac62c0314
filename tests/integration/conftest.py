"""Real nodes for the tests: a lab in a folder of its own, over the base images of the usual lab.

There is one a session; where tests run side by side there are two, and each has half of the tests that need nodes.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from integration import own_place
from integration.asking import VICTIM
from integration.federations import FederationUnderTest, wish
from integration.hosts import Host, new_user, unlocked_folder
from mip_salt.errors import MipError
from mip_salt.federation.folder import Folder, all_folders
from mip_salt.lab.lab import Lab, default_folder
from mip_salt.lab.requirements import require
from mip_salt.vault.session import lock

# Always the same folder: what is found in it was left by a killed session. Sessions in namespaces of their own may each
# name another.
FOLDER = Path(os.environ.get("MIP_SALT_TEST_LAB") or "/var/lib/mip-salt-lab-test")
LAST = ("test_releases.py", "test_lab.py")
# On the second lab. Two of them look for a key or a passphrase in all processes, which tests beside them must not use.
SECOND = (
    "test_adopt.py",
    "test_node_life.py",
    "test_proof.py",
    "test_remote.py",
    "test_status.py",
    "test_swarm.py",
)
NODES = ("ms", "ui", "wk1", "wk2")
HELD = Path("/run/mip-salt-lab-test.lock")


@pytest.hookimpl(tryfirst=True)  # before xdist looks which tests belong together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run last what takes the lab down; and let no test's time limit count what is made ready before it.

    The first test of a session may wait for a base image, and the first of a module for its story; these have deadlines
    of their own.
    """
    items.sort(key=lambda item: item.path.name in LAST and 1 + LAST.index(item.path.name))
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.timeout(func_only=True))
            item.add_marker(pytest.mark.xdist_group("second lab" if on_second_lab(item) else "lab"))


def on_second_lab(item: pytest.Item) -> bool:
    """Say whether a test is one of those on the second lab, where there are two."""
    return item.path.name in SECOND and own_place.possible()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give the process that has the second lab a network of its own: labs have the same names and addresses."""
    if os.environ.get("PYTEST_XDIST_WORKER") and item.get_closest_marker("lab") and on_second_lab(item):
        own_place.enter()


def pytest_unconfigure() -> None:
    """Leave nothing of the second lab's process on this machine."""
    own_place.forget()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Give the lab with the nodes ms, ui, wk1 and wk2, booted once a session."""
    try:
        require()
    except MipError as err:
        refuse(f"{err}: {err.hint}")
    cache = Path(os.environ.get("MIP_SALT_LAB_BASE") or default_folder() / "base")
    lab = Lab(FOLDER.with_name(f"{FOLDER.name}-2") if own_place.entered() else FOLDER, cache)
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


@pytest.fixture
def root() -> Iterator[Path]:
    """Give a root for federations, with a path short enough for agents' sockets; no agent outlives it."""
    with tempfile.TemporaryDirectory(prefix="mip-", dir="/tmp") as name:
        yield from _root(Path(name))


@pytest.fixture(scope="module")
def federation(lab: Lab) -> Iterator[FederationUnderTest]:
    """Give a federation of all four nodes, locked."""
    with tempfile.TemporaryDirectory(prefix="mip-", dir="/tmp") as name:
        for root in _root(Path(name)):
            made = FederationUnderTest(root)
            for node in NODES:
                lab.node(node).forget()
            made.configure({node: wish(node, lab.node(node)) for node in NODES})
            yield made


@pytest.fixture
def fed(federation: FederationUnderTest) -> Iterator[FederationUnderTest]:
    """Give a federation whose vault is open for several commands."""
    federation.cli("vault", "unlock")
    yield federation
    federation.cli("vault", "lock")


@pytest.fixture
def other(federation: FederationUnderTest) -> str:
    """Give the id of a node that is not the victim."""
    return next(name for name in federation.federation.enabled() if name != VICTIM)


def _root(root: Path) -> Iterator[Path]:
    yield root
    for folder in all_folders(root):
        lock(folder)


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    """Give a node with a new user in the group sudo."""
    with new_user(lab) as host:
        yield host


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """Give an unlocked federation."""
    with unlocked_folder(tmp_path_factory.mktemp("f"), monkeypatch) as folder:
        yield folder
