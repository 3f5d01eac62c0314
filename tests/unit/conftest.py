"""What several files of fast tests begin from."""

from __future__ import annotations

import pytest
from unit.identities import home_of_mipadmin, module
from upstreams import make_upstreams


@pytest.fixture(scope="module")
def made_upstreams(tmp_path_factory):
    return make_upstreams(tmp_path_factory.mktemp("upstreams"))


@pytest.fixture
def upstreams(made_upstreams):
    """mip-deployment and exareme, only to be read."""
    return made_upstreams


@pytest.fixture
def own_upstreams(tmp_path):
    """mip-deployment and exareme, to be changed."""
    return make_upstreams(tmp_path / "own")


@pytest.fixture
def identity():
    """``_modules/mip_identity.py``."""
    return module()


@pytest.fixture
def home(monkeypatch):
    """The home of mipadmin."""
    with home_of_mipadmin(monkeypatch) as folder:
        yield folder
