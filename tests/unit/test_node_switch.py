"""`node disable` and `node enable` before any node is asked: what is written, and what must be known first.

What becomes of a worker's tasks is in test_in_swarm.py, and on real machines in tests/integration/test_node_life.py.
"""

import json
import os
import subprocess
import sys

import pytest
from mip_salt.federation.document import load
from mip_salt.versions import kept
from mip_salt.versions.pair import Pair, Pin
from vaults import PASSPHRASE


@pytest.fixture
def running(brain):
    """The federation brain with a version in use, locked."""
    with kept.staging(brain) as path:
        (path / "compose").mkdir(parents=True)
        pair = Pair(Pin("7.1.0", "a" * 40), Pin("24.5.1", "b" * 40), "24.5.1", (), (), "compose")
        version = kept.seal(brain, path, pair, {}, "")
    kept.switch(brain, version.id)
    return brain


def node(brain, *words, passphrase=None):
    """Run a command on nodes where nobody is there to ask; without a passphrase at hand, unless one is given."""
    call = [sys.executable, "-m", "mip_salt", "--root", str(brain.path.parent), "-f", "brain", "node", *words]
    env = {key: value for key, value in os.environ.items() if not key.startswith("MIP_SALT")}
    if passphrase:
        env["MIP_SALT_VAULT_PASSPHRASE"] = passphrase
    return subprocess.run(call, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, env=env)


def enabled(brain):
    return {name: row.enabled for name, row in load(brain).nodes.items()}


def test_where_nothing_runs_yet_it_is_written_and_needs_no_passphrase(brain):
    done = node(brain, "disable", "wk1", "wk2")
    assert (done.returncode, enabled(brain)) == (0, {"ms": True, "wk1": False, "wk2": False})
    assert "wk1 was disabled already" in node(brain, "disable", "wk1").stderr
    assert node(brain, "enable", "wk1").returncode == 0
    assert enabled(brain)["wk1"]


def test_where_a_worker_must_be_drained_nothing_is_written_before_the_vault_is_open(running):
    done = node(running, "disable", "wk1")
    assert (done.returncode, all(enabled(running).values())) == (2, True)
    assert "the vault of brain is locked" in done.stderr
    assert "add --later" in done.stderr


def test_later_only_writes_it_and_says_what_does_the_rest(running):
    done = node(running, "disable", "wk1", "--later", "--json")
    assert (done.returncode, enabled(running)["wk1"]) == (0, False)
    assert "-f brain apply" in done.stderr
    assert [(row["id"], row["kind"]) for row in json.loads(done.stdout)["nodes"]] == [("wk1", "changed")]


def test_a_master_is_only_left_out_and_needs_no_passphrase(running):
    assert node(running, "disable", "ms").returncode == 0
    assert not enabled(running)["ms"]


def test_a_master_that_has_workers_is_not_removed(running):
    done = node(running, "remove", "ms", "--yes", passphrase=PASSPHRASE)
    assert (done.returncode, "ms" in load(running).nodes) == (2, True)
    assert "wk1, wk2 are workers of its swarm" in done.stderr
