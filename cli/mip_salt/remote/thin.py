"""What a node needs to run Salt: an archive that is known by its digest, and kept there."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mip_salt.federation.files import write_atomic
from mip_salt.remote import salt_sources, wheels
from mip_salt.remote.salt_sources import of_salt
from mip_salt.remote.wheels import ensure, sources

RUNNER = tuple(sorted((Path(__file__).parent / "node").glob("*.py")))


@dataclass(frozen=True)
class Thin:
    """An archive that a node keeps, unpacked, in a folder named by its digest."""

    digest: str
    data: bytes


def thin(cache: Path, given: bytes = b"") -> Thin:
    """Return Salt, the libraries it needs and our runner, for Python 3.8 and later on any processor.

    cache
        Folder of this machine in which it is kept: packing takes about 2 s of CPU.
    given
        One that was packed elsewhere. It is taken, and no time spent on packing, if it is byte for byte what would be
        packed here; else it is left.

    Raises what `wheels.ensure` raises if the libraries are not here and cannot be had.
    """
    key = hashlib.sha256("\n".join([_own_source(), version("salt")]).encode()).hexdigest()[:16]
    for path in cache.glob(f"thin-{key}-*.tgz"):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if path.name == f"thin-{key}-{digest}.tgz":
            return Thin(digest, data)
    plain = _plain({**_runner(), **sources(ensure(cache / "wheels")), **of_salt()})
    packed = given if _is(given, plain) else _squeezed(plain)
    made = Thin(hashlib.sha256(packed).hexdigest(), packed)
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in cache.glob("thin-*.tgz"):
        old.unlink(missing_ok=True)
    write_atomic(cache / f"thin-{key}-{made.digest}.tgz", made.data)
    return made


def _plain(files: dict[str, bytes]) -> bytes:
    """Return an archive of files; the same files always give the same bytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return plain.getvalue()


def _squeezed(plain: bytes) -> bytes:
    return gzip.compress(plain, compresslevel=6, mtime=0)


def _is(given: bytes, plain: bytes) -> bool:
    """Say whether what may be anybody's holds an archive, and nothing else; no more of it is looked at than that."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(given)) as packed:
            return packed.read(len(plain) + 1) == plain
    except (OSError, EOFError, zlib.error):
        return False


def _runner() -> dict[str, bytes]:
    """Return what a node gets of ours. Its packages are empty, but whole: no other mip-salt there is taken for it."""
    packages = ("mip_salt", "mip_salt/remote", "mip_salt/remote/node")
    files = {f"{packages[-1]}/{path.name}": path.read_bytes() for path in RUNNER}
    return {**{f"{package}/__init__.py": b"" for package in packages}, **files}


def _own_source() -> str:
    own = (Path(__file__), Path(wheels.__file__), wheels.PINS, Path(salt_sources.__file__), *RUNNER)
    return "".join(path.read_text("utf-8") for path in own)
