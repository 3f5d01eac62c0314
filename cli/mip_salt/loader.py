"""Tell Salt where this package's loader modules are (entry point ``salt.loader``)."""

from __future__ import annotations

from pathlib import Path


def module_dirs() -> dict[str, list[str]]:
    """Return Salt's extension folders by loader kind.

    Execution and state modules reach the nodes by the generated master's ``module_dirs`` and ``file_roots``; what
    is named here is for the pusher. The keys are plural: Salt finds nothing under ``renderer`` (measured, 3008.3).
    """
    from mip_salt.data import data_root

    package, data = Path(__file__).resolve().parent, data_root()
    return {
        "renderers": [str(package / "renderers")],
        "pillar": [str(package / "pillars")],
        "modules": [str(data / "_modules")],
        "states": [str(data / "states" / "_states")],
    }
