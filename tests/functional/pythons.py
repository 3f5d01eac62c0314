"""Which Pythons this machine has, of those that nodes may have."""

import os
import subprocess
import sys
from pathlib import Path

MINORS = range(8, 15)
MANAGED = (".pyenv/versions/*/bin/python3", ".local/share/uv/python/*/bin/python3")


def pythons() -> dict[str, str]:
    """Return one of each version: the one that runs this, those on PATH, and those that pyenv and uv installed."""
    named = [Path(folder, f"python3.{minor}") for folder in os.get_exec_path() for minor in MINORS]
    managed = [path for pattern in MANAGED for path in sorted(Path.home().glob(pattern))]
    found: dict[str, str] = {}
    for path in [Path(sys.executable), *named, *managed]:
        version = _version(path) if path.is_file() else None
        if version in [f"3.{minor}" for minor in MINORS]:
            found.setdefault(version, str(path))
    return dict(sorted(found.items(), key=lambda item: int(item[0].split(".")[1])))


def _version(path: Path) -> str | None:
    """Return a Python's version; None if it does not start, as a version manager's stand-in may not."""
    call = [path, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
