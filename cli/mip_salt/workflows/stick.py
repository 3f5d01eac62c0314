"""Make a stick: one file from which a site without internet installs a pair of versions, and mip-salt itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Timer

from mip_salt import __version__
from mip_salt.data import data_root
from mip_salt.errors import Damaged, Unreachable, UsageError
from mip_salt.federation.files import PREFIX, sync_folder
from mip_salt.printable import printable
from mip_salt.remote.thin import thin
from mip_salt.remote.wheels import ensure
from mip_salt.versions.git import Progress, quiet
from mip_salt.versions.pair import Pair, Pin
from mip_salt.versions.source import bundle_name
from mip_salt.versions.upstream import FETCH, Upstream, begin
from mip_salt.workflows.node_thin import ON_STICK, THIN

WHEELS = "wheelhouse"
WHEEL_SECONDS = 3600
MAX_SAID = 200  # lines of pip's
STEP = re.compile(r" *(Collecting|Processing|Building wheel for) (\S{1,200})")
README = """\
{pair}, for a site without internet; made by mip-salt {version}.

  mip-deployment  {mip}
  exareme         {exareme}

{wheels}Install it, as the operator, for a federation F:

  mip-salt -f F install --from {file}{options}

{thin} is what nodes get, {node_wheels} the libraries in it; install takes both from here. No network is asked.
Compare the two commits above with what `mip-salt -f F version show` says afterwards.
"""
INSTALL_WHEELS = """\
If mip-salt is not there yet (Python 3.10 or later of the kind this was made with, {python}):

  tar -xf {file} wheelhouse
  python3 -m venv mip && mip/bin/pip install --no-index --find-links wheelhouse mip-salt

"""


def make_stick(
    file: Path,
    pair: Pair,
    options: str,
    mip: Upstream,
    exareme: Upstream,
    *,
    wheels: bool,
    tell: Callable[[str, Progress], None],
) -> int:
    """Write a stick; return its size in bytes. An old one is replaced only by a whole new one.

    options
        What `install` needs besides ``--from`` to choose this pair; empty for a release of MIP.
    wheels
        Whether mip-salt and all it needs come along, as wheels for this machine's kind of Python.
    tell
        Called with the name and the progress of what is being done besides git's downloads.

    Raises UsageError, Unreachable or Damaged.
    """
    if not file.parent.is_dir():
        raise UsageError(
            f"{file.parent} is no folder", hint="Name a file in a folder that is there; is the stick mounted?"
        )
    with tempfile.TemporaryDirectory(prefix="mip-salt-") as scratch:
        folder = Path(scratch)
        for upstream, pin in ((mip, pair.mip), (exareme, pair.exareme)):
            _bundle(upstream, pin, folder / f"{upstream.project}.git", folder / bundle_name(upstream.source.project))
        ensure(folder / "wheels", on_progress=lambda text: tell("libraries", Progress(text)))
        (folder / THIN).write_bytes(thin(folder).data)
        if wheels:
            _wheels(folder / WHEELS, lambda progress: tell(WHEELS, progress))
        (folder / "README.txt").write_text(_readme(file, pair, options, wheels=wheels), "utf-8")
        part = file.with_name(f"{PREFIX}{file.name}")
        names = ["README.txt", *(bundle_name(one.source.project) for one in (mip, exareme)), THIN]
        parts = {name: folder / name for name in names} | {ON_STICK: folder / "wheels"}
        if wheels:
            parts[WHEELS] = folder / WHEELS
        try:
            with tarfile.open(part, "w") as stick:
                for name, path in parts.items():
                    stick.add(path, name, filter=_nobodys)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(file)
            sync_folder(file.parent)
        except OSError as err:
            raise Damaged(
                f"{file} cannot be written: {err.strerror}", hint="Free space, or choose another place."
            ) from err
        finally:
            part.unlink(missing_ok=True)
    return file.stat().st_size


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def _bundle(upstream: Upstream, pin: Pin, at: Path, out: Path) -> None:
    """Write one commit as a git bundle, under the name it goes by."""
    ref = f"refs/heads/pinned/{pin.commit}"
    if upstream.refs.tags.get(pin.name) == pin.commit:
        ref = f"refs/tags/{pin.name}"
    elif upstream.refs.branches.get(pin.name) == pin.commit:
        ref = f"refs/heads/{pin.name}"
    begin(upstream.git, at, upstream.url, bare=True)
    upstream.git.run(*FETCH, "--depth=1", "origin", pin.commit, at=at, tell=upstream.tell)
    upstream.git.run("update-ref", ref, pin.commit, at=at)
    upstream.git.run("bundle", "create", "--quiet", out, ref, at=at)


def _readme(file: Path, pair: Pair, options: str, *, wheels: bool) -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return README.format(
        pair=str(pair),
        version=__version__,
        mip=f"{pair.mip.name}  {pair.mip.commit}",
        exareme=f"{pair.exareme.name}  {pair.exareme.commit}",
        wheels=INSTALL_WHEELS.format(file=file.name, python=python) if wheels else "",
        thin=THIN,
        node_wheels=ON_STICK,
        file=file.name,
        options=f" {options}" if options else "",
    )


def _wheels(into: Path, tell: Callable[[Progress], None] = quiet) -> None:
    """Build mip-salt and all it needs as wheels, by pip as this machine has configured it."""
    root = data_root()
    checkout = (root / "pyproject.toml").is_file()
    what = str(root) if checkout else f"mip-salt=={__version__}"
    call = [sys.executable, "-m", "pip", "wheel", "--no-input", "--progress-bar=off", "--wheel-dir", str(into), what]
    # A passphrase for the vault may stand in our environment.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MIP_SALT_")}
    leave_out = "Mend that, or leave the wheels out: --no-wheelhouse"
    if not checkout:
        leave_out += "\nWhere no index has mip-salt, run this by one that was installed from a checkout: pip install -e"
    said: deque[str] = deque(maxlen=MAX_SAID)
    with subprocess.Popen(
        call,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        deadline = Timer(WHEEL_SECONDS, pip.kill)
        deadline.start()
        try:
            for line in pip.stdout or ():
                said.append(line)
                step = STEP.match(line)
                if step:
                    tell(Progress(f"{step[1].lower()} {printable(Path(step[2]).name, 40)}"))
        except BaseException:  # also Ctrl-C: nobody else ends it
            pip.kill()
            raise
        finally:
            deadline.cancel()
    if pip.returncode == -signal.SIGKILL:
        raise Unreachable(f"pip was ended, or did not end within {WHEEL_SECONDS} s", hint=leave_out)
    if pip.returncode:
        lines = [line for line in said if line.strip()]
        why = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "it gave no reason")
        raise Unreachable(f"pip cannot make the wheels: {printable(why, 160)}", hint=leave_out)
