"""The file that `configure --from` takes: nodes as the operator wants them, with what proves and opens them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StrictStr, ValidationError, model_validator

from mip_salt.errors import UsageError
from mip_salt.federation.document import parse_yaml
from mip_salt.federation.fingerprint import valid_fingerprint
from mip_salt.federation.folder import NAME
from mip_salt.federation.kinds import Strict
from mip_salt.federation.model import Access, NodeId, check_nodes
from mip_salt.federation.problems import problems
from mip_salt.printable import printable

Fingerprint = Annotated[StrictStr, AfterValidator(valid_fingerprint)]


class NodeWish(Access):
    """One node as wished for."""

    password: SecretStr | None = Field(default=None, description="of the user; else MIP_SALT_PASSWORD_<ID>")
    host_key: Fingerprint | None = Field(
        default=None, description='the node\'s fingerprint, "SHA256:…", from its own console'
    )
    keep_password: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="keep the password in the vault"
    )


class NodesFile(Strict):
    """The nodes of one federation."""

    federation: StrictStr | None = Field(default=None, pattern=NAME.pattern.replace(r"\Z", "$"))
    nodes: Annotated[dict[NodeId, NodeWish], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> NodesFile:
        check_nodes(self.nodes)
        return self


def parse_nodes_file(text: str, source: str) -> NodesFile:
    """Return the nodes that a file wishes for.

    source
        What to call the file in an error.

    Raises UsageError with every error of the file, each with its path; no value of it is repeated.
    """
    document = parse_yaml(text, source, error=UsageError)
    if not isinstance(document, dict):
        raise UsageError(
            f"{printable(source)}: must be a mapping with the key nodes",
            hint="mip-salt schema nodes-file describes it.",
        )
    try:
        return NodesFile.model_validate(document)
    except ValidationError as err:
        lines = "\n".join(f"  {line}" for line in problems(err, NodesFile))
        raise UsageError(
            f"{printable(source)} has errors:\n{lines}", hint="mip-salt schema nodes-file describes it."
        ) from None
