"""Which modules a node is sent: those of the package and of the operator, and no stray file beside them."""

import subprocess
import sys
import tarfile

import pytest
from mip_salt.data import data_root
from mip_salt.federation.document import load
from mip_salt.federation.generate import refresh

# Salt takes what a process was given once: so this asks in one of its own.
ASK = """
import sys
from mip_salt.federation.folder import Folder
from mip_salt.remote.master import load
import salt.client.ssh
sys.stdout.write(salt.client.ssh.mod_data(load(Folder(__import__("pathlib").Path(sys.argv[1])))[1])["file"])
"""


@pytest.fixture
def sent(brain):
    """The names in the archive, as raw salt-ssh and `apply` send it."""
    refresh(brain, load(brain))
    done = subprocess.run([sys.executable, "-c", ASK, str(brain.path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with tarfile.open(done.stdout.strip()) as archive:
        return set(archive.getnames())


def test_a_node_is_sent_the_packages_modules_and_states_and_nothing_stray(sent):
    ours = {f"modules/{path.name}" for path in (data_root() / "_modules").glob("*.py")}
    states = {f"states/{path.name}" for path in (data_root() / "states" / "_states").glob("*.py")}
    assert {name for name in sent if name.endswith(".py")} == ours | states
