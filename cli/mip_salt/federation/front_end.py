"""The variables that the web front end is run with: what the incumbent keeps in `.mipenv`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mip_salt.errors import Damaged

if TYPE_CHECKING:
    from mip_salt.federation.model import Federation
    from mip_salt.federation.ui_settings import Ui

SECRET = "KEYCLOAK_CLIENT_SECRET"  # noqa: S105 - its name, not its value
# Where the vault's entry of the ui keeps it.
PLACE = ("mip", "ui", "env", SECRET)
# Compose reads the file with rules of its own for $, quotes, # and backslashes, which differ between its versions.
PLAIN = re.compile(r"[A-Za-z0-9._~+/=@:-]{1,200}\Z")


def variables(federation: Federation, sealed: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the variables by name; those of a federation without a master or a ui are empty.

    sealed
        The pillar that the vault's entry of the ui holds: the secret comes from there, and from nowhere else.

    The names and their defaults are the incumbent's (mip-deployment 7.1.0, PreparingUI.md and the `mip` script).

    Raises Damaged, without the value, for a secret that is missing although users log in, or that is none.
    """
    ui, at = federation.settings.ui, {name: node.address for name, node in federation.nodes.items()}
    keycloak, catalogue = ui.keycloak, ui.datacatalogue
    return {
        "MIP_LINK": ui.link,
        # Of a front end that is reached directly the incumbent makes it https whatever is set.
        "EXTERNAL_MIP_PROTOCOL": ui.external_protocol if ui.link == "proxied" else "https",
        "PUBLIC_MIP_PROTOCOL": ui.public_protocol,
        "PUBLIC_MIP_HOST": ui.public_host or at.get("ui", ""),
        "EXAREME_IP": ui.exareme_ip or at.get("ms", ""),
        "KEYCLOAK_AUTHENTICATION": "1" if keycloak.authentication else "0",
        "KEYCLOAK_PROTOCOL": keycloak.protocol,
        "KEYCLOAK_URL": keycloak.url,
        "KEYCLOAK_REALM": keycloak.realm,
        "KEYCLOAK_CLIENT_ID": keycloak.client_id,
        SECRET: _secret(federation, sealed or {}),
        "KEYCLOAK_SSL_REQUIRED": keycloak.ssl_required or _ssl_required(ui),
        "DATACATALOGUE_PROTOCOL": catalogue.protocol,
        "DATACATALOGUE_HOST": catalogue.host,
        # In the compose file, and in no file of the incumbent's: unset, compose warns of it at every start.
        "MIP_ENGINE_URL": "",
    }


def _ssl_required(ui: Ui) -> str:
    """Return where KeyCloak wants https: nowhere if nothing on the way speaks it, as the incumbent decides it."""
    spoken = [ui.keycloak.protocol, ui.public_protocol] + ([ui.external_protocol] if ui.link == "proxied" else [])
    return "none" if set(spoken) == {"http"} else "external"


def _secret(federation: Federation, sealed: Mapping[str, Any]) -> str:
    found: Any = sealed
    for key in PLACE:
        found = found.get(key) if isinstance(found, Mapping) else None
    command = f"mip-salt -f {federation.federation} vault set ui pillar.{'.'.join(PLACE)}"
    if found is None:
        if not federation.settings.ui.keycloak.authentication:
            return ""
        raise Damaged(
            "users are to log in by KeyCloak, and the secret of its client is not in the vault",
            node="ui",
            hint=f"Set it: {command}",
        )
    if not isinstance(found, str) or not PLAIN.match(found):
        raise Damaged(
            f"{SECRET} in the vault is not 1 to 200 of A-Z, a-z, 0-9 and ._~+/=@:-",
            node="ui",
            hint=f"Set it as KeyCloak shows it, or have KeyCloak make another: {command}",
        )
    return found
