"""A federation goes on from another machine: configured here, kept, brought back under another root."""

import pytest
from integration.federations import FederationUnderTest

pytestmark = pytest.mark.lab


def test_raw_salt_ssh_works_from_where_it_was_restored(federation, root, tmp_path):
    kept = tmp_path / "brain.tar.gz"
    federation.cli("backup", str(kept))
    other = FederationUnderTest(root)
    other.cli("restore", str(kept))
    assert str(federation.root) not in "".join(path.read_text() for path in (other.folder.master, other.folder.roster))
    other.cli("vault", "unlock")
    done = other.salt_ssh("*", "test.ping", "--out", "json", "--static")
    other.cli("vault", "lock")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("true") == 4
