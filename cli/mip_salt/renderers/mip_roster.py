"""Salt renderer ``#!mip_roster``: the generated roster, refused while the federation is locked.

Found through the ``salt.loader`` entry point. A refusal is a SaltClientError: salt-ssh prints it and exits 1, where a
SaltRenderError would end in "No matching targets" and exit 0 (read in Salt 3008.3: roster/__init__.py, scripts.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from salt.exceptions import SaltClientError

__opts__: dict[str, Any]

FIELDS = {"host", "port", "user", "sudo", "grains", "ssh_options", "ssh_pre_hook"}


def render(data: Any, saltenv: str = "base", sls: str = "", argline: str = "", **kwargs: Any) -> dict[str, Any]:
    """Return the roster: plain YAML, no Jinja, every row with the fields that mip-salt writes and no other.

    CLI Example:

    .. code-block:: bash

        salt-ssh '*' test.ping

    Raises SaltClientError, so that nothing connects, if the federation is locked or the roster is not ours.
    """
    from mip_salt.federation.folder import Folder
    from mip_salt.vault.agent import alive

    folder = Folder(Path(__opts__["mip_folder"]))
    rows = parse(data.read() if hasattr(data, "read") else str(data), folder.name)
    if rows and not folder.known_hosts.is_file():
        raise SaltClientError(
            f"mip-salt: {folder.known_hosts} is missing: no host key is pinned, so nothing may connect"
        )
    if not alive(folder):
        raise SaltClientError(f"mip-salt: the federation is locked: run `mip-salt -f {folder.name} vault unlock`")
    for name, row in rows.items():
        _refuse_weaker(folder, name, row)
    return rows


def _refuse_weaker(folder: Any, name: str, row: dict[str, Any]) -> None:
    """Raise SaltClientError unless a row's ssh checks what the generated one does: of an option ssh takes the first."""
    import shlex

    from mip_salt.federation.templates import filled_lines

    options = row.get("ssh_options")
    template = filled_lines("ssh_options", folder=str(folder.path), id=name, agent=str(folder.agent_socket))
    ours = [shlex.quote(option) for option in template]
    more = options[len(ours) :] if isinstance(options, list) and options[: len(ours)] == ours else [""]
    if not all(str(option).lstrip("'").startswith("ProxyCommand=") for option in more):
        raise SaltClientError(
            f"mip-salt: roster, {name}: ssh_options are not the generated ones; "
            f"run `mip-salt -f {folder.name} vault unlock`"
        )


def parse(text: str, federation: str) -> dict[str, Any]:
    """Return the rows of a roster.

    Raises SaltClientError with line and reason; Salt itself would say "No matching targets" (facts, case 41).
    """
    from mip_salt.vault.strict_yaml import StrictLoader

    remedy = f"edit pillar/federation.sls instead, then: mip-salt -f {federation} vault unlock"
    try:
        rows = yaml.load(text, Loader=StrictLoader) or {}  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SaltClientError(f"mip-salt: roster{where}: {getattr(err, 'problem', 'not YAML')}; {remedy}") from None
    if not isinstance(rows, dict):
        raise SaltClientError(f"mip-salt: roster: not a mapping of nodes; {remedy}")
    for name, row in rows.items():
        unknown = set(row) - FIELDS if isinstance(row, dict) else {"not a mapping"}
        if unknown:
            raise SaltClientError(
                f"mip-salt: roster, {name}: {', '.join(sorted(map(str, unknown)))}: not allowed; {remedy}"
            )
    return rows
