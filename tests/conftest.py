"""What tests of every kind share: federations with a real vault."""

import os

import pytest
from hypothesis import settings
from mip_salt.vault import session
from vaults import Answers, copy_of, make_federation, short_folder

# Time is not what these tests are about, and a busy machine is slow.
settings.register_profile("mip-salt", deadline=None)
settings.load_profile("mip-salt")


def pytest_configure():
    """Salt, which pytest-salt-factories imports, keeps what is logged for a stderr that pytest has closed by then."""
    from salt._logging import shutdown_temp_handler

    shutdown_temp_handler()


def pytest_sessionfinish(session):
    """In continuous integration nothing may be skipped: what is not run there is not known."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def made_once():
    """The federation that `brain` is a copy of."""
    with short_folder() as root:
        yield make_federation(root / "brain")


@pytest.fixture(scope="session")
def mind():
    """Another federation of the same passphrase, with the same node ids; only to be read."""
    with short_folder() as root:
        yield make_federation(root / "mind", nodes=["wk1"])


@pytest.fixture
def brain(made_once):
    """The federation brain (ms, wk1, wk2), locked."""
    with short_folder() as root:
        yield copy_of(made_once, root / "brain")


@pytest.fixture
def opened(brain):
    """The vault of brain, open."""
    with session.open_session(brain, Answers()) as vault:
        yield vault


@pytest.fixture(scope="session")
def _opened_for_all(made_once):
    with short_folder() as root:
        folder = copy_of(made_once, root / "brain")
        with session.open_session(folder, Answers()) as vault:
            yield vault


@pytest.fixture
def readable(_opened_for_all):
    """The vault of brain, open, shared with other tests: read only, and in no need of files."""
    return _opened_for_all
