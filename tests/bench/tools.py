"""The tools in virtual environments of their own, at pinned versions."""

from __future__ import annotations

import compileall
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mip_salt

PINNED = {
    "ansible": ["ansible-core==2.19.*", "mitogen==0.3.*"],
    "pyinfra": ["pyinfra==3.10.*"],
}


def environments(folder: Path, say: Callable[[str], None]) -> Path:
    """Make the virtual environments that are not there yet, and byte code of ours; return their folder.

    ansible-core 2.19 and pyinfra 3.10 are given by their minor versions: what was measured stands on the page.
    """
    for name, packages in PINNED.items():
        made, done = folder / name, folder / name / ".done"
        if done.exists() and done.read_text() == " ".join(packages):
            continue
        say(f"installing {', '.join(packages)}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", made], check=True)
        subprocess.run([made / "bin" / "pip", "install", "--quiet", *packages], check=True)
        done.write_text(" ".join(packages))
    # Where pip installed the others it left byte code; what is worked on here has some that is old, or none.
    compileall.compile_dir(Path(mip_salt.__file__).parent, quiet=1)
    return folder
