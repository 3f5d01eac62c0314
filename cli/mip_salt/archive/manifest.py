"""What an archive says of itself, and is held to: every folder, file and link in it, with sizes and checksums."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictStr, ValidationError, model_validator

from mip_salt.archive.kept import MAX_FILE, MAX_FILES, MAX_TOTAL, is_clean, is_kept, stays_inside
from mip_salt.errors import Damaged
from mip_salt.federation.folder import NAME
from mip_salt.federation.kinds import Strict, matching
from mip_salt.federation.node_ids import NODE_ID
from mip_salt.federation.problems import problems

FORMAT: Literal[1] = 1
MAX_BYTES = 8 << 20  # of the manifest itself
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
FINGERPRINT = re.compile(r"([0-9A-F]{40})?\Z")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")


def _kept_path(path: str) -> str:
    if not is_clean(path) or not is_kept(path):
        raise ValueError("is not the path of something that an archive keeps")
    return path


def _short_line(text: str) -> str:
    if not text.isprintable() or len(text) > 255:
        raise ValueError("must be one short line of printable text")
    return text


Path = Annotated[StrictStr, AfterValidator(_kept_path)]
Line = Annotated[StrictStr, AfterValidator(_short_line)]


class Kept(Strict):
    """One file."""

    size: Annotated[int, Field(strict=True, ge=0, le=MAX_FILE)]
    sha256: Annotated[StrictStr, matching(SHA256, "64 of 0-9 and a-f")]
    executable: Annotated[bool, Field(strict=True)] = False


class Manifest(Strict):
    """The first member of an archive."""

    format: Literal[1] = FORMAT
    federation: Annotated[StrictStr, matching(NAME, "1 to 32 of a-z, 0-9 and -")]
    made: Annotated[StrictStr, matching(MOMENT, "a moment in UTC")]
    machine: Line
    mip_salt: Line
    mip: Line = ""
    exareme: Line = ""
    vault_key: Annotated[StrictStr, matching(FINGERPRINT, "40 of 0-9 and A-F, or nothing")]
    nodes: Annotated[list[Annotated[StrictStr, matching(NODE_ID, "a node's id")]], Field(max_length=1001)]
    folders: Annotated[list[Path], Field(max_length=MAX_FILES)]
    files: Annotated[dict[Path, Kept], Field(max_length=MAX_FILES)]
    links: Annotated[dict[Path, StrictStr], Field(max_length=MAX_FILES)]

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        paths = [*self.folders, *self.files, *self.links]
        if len(set(paths)) != len(paths):
            raise ValueError("one path is told twice")
        folders = {"", *self.folders}
        # What lies under a link or a file would be written to another place.
        stray = next((path for path in paths if path.rpartition("/")[0] not in folders), None)
        if stray is not None:
            raise ValueError(f"{stray} lies in no folder of the archive")
        out = next((path for path, target in self.links.items() if not stays_inside(path, target)), None)
        if out is not None:
            raise ValueError(f"the link {out} leads out of the folder")
        if sum(kept.size for kept in self.files.values()) > MAX_TOTAL:
            raise ValueError(f"its files have more than {MAX_TOTAL >> 20} MiB")
        if "pillar/federation.sls" not in self.files:
            raise ValueError("it has no pillar/federation.sls")
        return self

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(kept.size for kept in self.files.values())


def parse_manifest(data: bytes, source: str) -> Manifest:
    """Return the manifest in an archive's first member.

    source
        What to call the archive in an error.

    Raises Damaged with what is wrong in it.
    """
    hint = "Take another backup: mip-salt backup list"
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Damaged(f"{source} has no manifest that can be read", hint=hint) from None
    if isinstance(found, dict) and isinstance(found.get("format"), int) and found["format"] > FORMAT:
        raise Damaged(
            f"{source} was made by a newer mip-salt (format {found['format']})",
            hint="Install that one, or a newer one.",
        )
    try:
        return Manifest.model_validate(found)
    except ValidationError as err:
        told = problems(err, Manifest, "")
        raise Damaged(
            "\n".join([f"the manifest of {source} has errors:", *(f"  {line}" for line in told[:10])]), hint=hint
        ) from None
