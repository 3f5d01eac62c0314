"""Fill in the salt-ssh configuration templates that the package ships in ``salt/``."""

from __future__ import annotations

from functools import cache
from typing import Any

from mip_salt.data import data_root


@cache
def _template(name: str) -> Any:
    import yaml  # who only asks ssh does without

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


@cache
def _lines(name: str) -> list[str]:
    text = (data_root() / "salt" / name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def filled_lines(name: str, **values: str) -> list[str]:
    """Return the lines of a template, without comments, their ``{words}`` replaced.

    name
        File name in ``salt/``.
    """
    return [line.format(**values) for line in _lines(name)]
