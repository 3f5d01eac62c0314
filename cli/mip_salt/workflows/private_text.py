"""Let the operator's editor change a text that must never rest on a disk."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mip_salt.errors import Damaged, UsageError

MAX_BYTES = 1 << 20
MEMORY = {"tmpfs", "ramfs"}
# What an editor needs to draw on a terminal or a screen; nothing that names the operator's own files.
PASSED_ON = ("PATH", "TERM", "COLORTERM", "TERMINFO", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XAUTHORITY")


@contextmanager
def private_folder(owner: Path, candidates: Sequence[Path] | None = None) -> Iterator[Path]:
    """Make a folder in memory, 0700, for the time of a ``with``.

    owner
        The federation's folder, whose lock is held: what a killed command left for it is removed first.
    candidates
        Where memory may be mounted; each is verified.

    Raises Damaged if this machine has no such place.
    """
    prefix = prefix_of(owner)
    places = candidates if candidates is not None else _candidates()
    in_memory = [place for place in places if _is_memory(place)]
    for place in in_memory:
        for left in place.glob(f"{prefix}*"):
            if left.lstat().st_uid == os.geteuid():
                shutil.rmtree(left, ignore_errors=True)
    made = None
    for place in in_memory:
        try:
            made = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
            break
        except OSError:
            continue
    if made is None:
        raise Damaged(
            f"none of {', '.join(map(str, places))} is memory (tmpfs) that can be written to; "
            "opened secrets are not written to a disk",
            hint="Mount a tmpfs on one of them, or change single values by: mip-salt vault set",
        )
    try:
        yield made
    finally:
        shutil.rmtree(made)


def prefix_of(owner: Path) -> str:
    """Return how the names of a federation's folders in memory begin; none shows what it is of."""
    return f"mip-salt-{hashlib.sha256(os.fsencode(owner)).hexdigest()[:16]}-"


def edited(folder: Path, name: str, text: str, environ: Mapping[str, str]) -> str:
    """Return a text as the operator leaves it in the editor of the environment.

    folder
        A private folder in memory; it is the editor's home too, so that nothing it remembers (registers, undo,
        backups) rests on a disk, and it starts without settings of the operator's.
    name
        The file's name, which tells editor and operator what it is.

    Raises UsageError if the editor cannot be run, says no, or leaves no text.
    """
    words = _editor(environ)
    file = folder / name
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(text)
    env = {key: environ[key] for key in PASSED_ON if key in environ}
    env |= {"LC_ALL": "C.UTF-8", "HOME": str(folder), "TMPDIR": str(folder)}
    try:
        with _interrupts_are_the_editors():
            done = subprocess.run([*words, str(file)], env=env, umask=0o077, check=False)
    except OSError as err:
        raise UsageError(
            f"the editor {words[0]} cannot be run: {err.strerror}", hint="Name another in VISUAL or EDITOR."
        ) from None
    if done.returncode == -signal.SIGINT:
        raise KeyboardInterrupt
    if done.returncode:
        raise UsageError(
            f"the editor {words[0]} ended with {done.returncode}; nothing was changed",
            hint="Leave the editor without an error, or name another in VISUAL or EDITOR.",
        )
    return _read(file)


def _read(file: Path) -> str:
    try:
        # An editor may have put a new file in the old one's place.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as source:
            if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                raise UsageError(
                    "what the editor left is no file; nothing was changed",
                    hint="Save it in place; or name another editor in VISUAL or EDITOR.",
                )
            data = source.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(
                f"the text is larger than {MAX_BYTES >> 20} MiB; nothing was changed",
                hint="Keep large things in files outside the vault, and only what opens them in it.",
            )
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as err:
        why = getattr(err, "strerror", None) or "it is not UTF-8"
        raise UsageError(
            f"what the editor left cannot be read: {why}; nothing was changed", hint="Save it as UTF-8 text, in place."
        ) from None


def _editor(environ: Mapping[str, str]) -> list[str]:
    chosen = (
        environ.get("VISUAL") or environ.get("EDITOR") or next(filter(shutil.which, ("editor", "vi", "nano")), "vi")
    )
    try:
        words = shlex.split(chosen)
    except ValueError:
        words = []
    if not words:
        raise UsageError("VISUAL or EDITOR names no command", hint="For example: EDITOR=nano")
    return words


@contextmanager
def _interrupts_are_the_editors() -> Iterator[None]:
    """Leave Ctrl-C to the editor, for which it is a key; a handler, unlike SIG_IGN, is not inherited by it."""
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _candidates() -> list[Path]:
    return [Path("/dev/shm"), Path(f"/run/user/{os.geteuid()}"), Path("/run")]  # noqa: S108 - verified below


def _is_memory(place: Path) -> bool:
    """Say whether a folder lies in memory, by the kernel's own list of mounts (proc(5): device is field 3)."""
    try:
        device = place.stat().st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        rows = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return False
    kinds = {row.partition(" - ")[2].split(" ")[0] for row in rows if row.split(" ")[2] == wanted}
    return bool(kinds) and kinds <= MEMORY
