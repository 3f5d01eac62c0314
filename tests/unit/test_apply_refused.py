"""What apply refuses before any node is asked, and what it advises then."""

import pytest
from mip_salt.errors import UsageError
from mip_salt.federation.folder import Folder
from mip_salt.federation.model import Federation
from mip_salt.workflows.apply import apply

NODES = {f"wk{n}": {"role": "worker", "address": f"10.0.0.{n}", "enabled": False} for n in (1, 2)}


def applied(tmp_path, nodes, chosen):
    federation = Federation.model_validate({"federation": "brain", "nodes": nodes})
    apply(Folder(tmp_path / "brain"), federation, chosen, test=True, on_event=lambda event: None)


def test_disabled_nodes_alone_are_refused_with_the_command_that_lets_just_them_in_again(tmp_path):
    with pytest.raises(UsageError, match="all nodes chosen are disabled") as told:
        applied(tmp_path, NODES, ["wk2"])
    assert told.value.hint == "Let them in again: mip-salt -f brain node enable wk2"


def test_a_federation_without_nodes_is_told_how_to_get_some(tmp_path):
    with pytest.raises(UsageError, match="has no nodes yet") as told:
        applied(tmp_path, {}, [])
    assert told.value.hint == "Add them: mip-salt -f brain configure"
