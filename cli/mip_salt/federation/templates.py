"""Fill in the salt-ssh configuration templates that the package ships in ``salt/``."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from mip_salt.data import data_root


@cache
def _template(name: str) -> Any:
    return yaml.safe_load((data_root() / "salt" / f"{name}.yaml").read_text("utf-8"))


def filled(name: str, **values: str) -> Any:
    """Return a template as data, its ``{words}`` replaced after parsing, so that no value can be read as YAML.

    name
        File name in ``salt/`` without its suffix.
    """

    def fill(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: fill(value) for key, value in part.items()}
        if isinstance(part, list):
            return [fill(value) for value in part]
        return part.format(**values) if isinstance(part, str) else part

    return fill(_template(name))
