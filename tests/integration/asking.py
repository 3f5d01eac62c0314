"""Ask real nodes by the one door to Salt, one of them being the victim of what a test does."""

from __future__ import annotations

from typing import Any

from mip_salt.federation.model import Federation
from mip_salt.remote.results import NodeResult
from mip_salt.remote.run import run

VICTIM = "wk1"


def asked(
    fed: Any,
    function: str,
    *args: Any,
    nodes: list[str],
    deadline: float = 60,
    model: Federation | None = None,
    kwargs: dict[str, Any] | None = None,
) -> list[NodeResult]:
    return list(run(fed.folder, model or fed.federation, nodes, function, args, kwargs, deadline=deadline, jobs=8))
