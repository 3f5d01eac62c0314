"""Which hostname a node may be given."""

import pytest
from mip_salt.errors import UsageError
from mip_salt.federation.model import Federation
from mip_salt.workflows.rename import wanted_hostname

FEDERATION = Federation.model_validate(
    {
        "federation": "brain",
        "nodes": {
            "ms": {"role": "master", "address": "10.0.0.1", "hostname": "debian"},
            "wk1": {"role": "worker", "address": "10.0.0.2", "hostname": "brain-wk2"},
            "wk2": {"role": "worker", "address": "10.0.0.3", "hostname": "ubuntu"},
        },
    }
)


def test_without_one_it_is_the_federation_and_the_id():
    assert wanted_hostname(FEDERATION, "ms", None) == "brain-ms"


def test_one_that_is_given_is_taken():
    assert wanted_hostname(FEDERATION, "ms", "lausanne") == "lausanne"


def test_its_own_is_no_clash():
    assert wanted_hostname(FEDERATION, "ms", "debian") == "debian"


@pytest.mark.parametrize(("node", "hostname"), [("wk2", None), ("ms", "brain-wk2"), ("wk2", "debian")])
def test_one_that_another_node_has_is_refused(node, hostname):
    with pytest.raises(UsageError, match="is the hostname of"):
        wanted_hostname(FEDERATION, node, hostname)


@pytest.mark.parametrize("hostname", ["", "A", "a_b", "-a", "a" * 64, "localhost", "$(id)", "a\n", "\x1b[2J", "a.b"])
def test_one_that_cannot_be_is_refused_in_inert_words(hostname):
    with pytest.raises(UsageError) as caught:
        wanted_hostname(FEDERATION, "ms", hostname)
    assert str(caught.value).isprintable()
