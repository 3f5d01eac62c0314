"""The JSON Schemas that editors check an operator's files with."""

from __future__ import annotations

from typing import Any

from mip_salt.federation.model import Federation
from mip_salt.federation.nodes_file import NodesFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(file: str) -> dict[str, Any]:
    """Return the JSON Schema of a file.

    file
        ``nodes-file`` (what ``configure --from`` takes) or ``federation`` (``pillar/federation.sls``).
    """
    if file == "nodes-file":
        return {"$schema": DIALECT, **NodesFile.model_json_schema()}
    inner = Federation.model_json_schema()
    definitions = inner.pop("$defs", {})
    return {
        "$schema": DIALECT,
        "$defs": {**definitions, "Federation": inner},
        "type": "object",
        "properties": {"mip": {"$ref": "#/$defs/Federation"}},
        "required": ["mip"],
        "additionalProperties": False,
    }
