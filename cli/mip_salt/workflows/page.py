"""Pages that are sent or printed: templates of plain Markdown, filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def filled_page(template: Path, **values: Any) -> str:
    """Return a template with its blanks filled; a name that is not given is a defect, not an empty text.

    values
        Validated when they were written down: Markdown is shown to people, and nothing here escapes it.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    return environment.from_string(template.read_text("utf-8")).render(**values)
