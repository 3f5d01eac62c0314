"""Where MIP's software comes from: does it answer?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mip_salt.errors import MipError
from mip_salt.versions.git import Git
from mip_salt.versions.git_errors import KEPT
from mip_salt.versions.source import Project, source_of
from mip_salt.workflows.findings import Finding, Level

SECONDS = 15.0


def source(project: Project, text: str) -> Iterator[Finding]:
    """Look at whether a source answers: asked by git itself, so proxies and keys count as they do for install.

    A source that does not is no failure of this machine: only install needs it.
    """
    try:
        found = source_of(project, text)
        if found.kind in ("https", "ssh", "folder"):
            where = found.text if found.kind != "folder" else f"file://{found.text}"
            Git(found.protocol, found.text, silence=SECONDS - 3).run("ls-remote", "--quiet", where, "HEAD")
        elif not Path(found.text).is_file():
            raise FileNotFoundError(found.text)
    except (MipError, OSError) as err:
        remedy = getattr(err, "hint", "").removesuffix(KEPT).strip()
        remedy = remedy or "install takes a folder or a git bundle too, for a site without a network."
        yield Finding("source", Level.WARN, f"{project}: {getattr(err, 'message', err)}", remedy)
        return
    yield Finding("source", Level.OK, f"{project}: {found.text}")
