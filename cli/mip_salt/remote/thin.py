"""What a node needs to run Salt: an archive that is known by its digest, and kept there."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import sysconfig
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mip_salt.federation.files import write_atomic
from mip_salt.remote import downlevel
from mip_salt.remote.downlevel import downlevelled

RUNNER = Path(__file__).parent / "node" / "runner.py"
LIBRARIES = (
    "salt",
    "tornado",
    "Jinja2",
    "PyYAML",
    "msgpack",
    "MarkupSafe",
    "packaging",
    "distro",
    "requests",
    "urllib3",
)
# A node is a Debian or Ubuntu that takes orders: what is of other systems, of network gear and of Salt's masters stays
# here, unless something of the rest imports it. Each costs an idle apply time: `pkg` asks for a function that no module
# has, so Salt loads every module there is, and `idem` then every one of salt/utils (measured, 3008.3).
FOREIGN = re.compile(
    r"salt/(?:netapi|runners|wheel|cluster|spm|metaproxy|daemons|cloud|beacons|engines|thorium|proxy|roster|tokens"
    r"|templates|ext/vsan|auth/[^_])"
    r"|salt/client/(?!__init__|ssh/__init__|ssh/wrapper/__init__|ssh/state|mixins|netapi)"
    r"|salt/(?:modules|states|grains)/(?:win_|mac_|macdefaults|macpackage|napalm|vsphere|vmware|vsan|junos|nxos|arista"
    r"|solaris|aix|smf_|zone|chocolatey|pkgng|pkgin|pkgutil|pw_|boto|aws|openstack|netacl|netntp|netsnmp|netusers"
    r"|idem|at_solaris|rbac_solaris|iosconfig|nixpkg|pacmanpkg|yumpkg|zypperpkg|rh_|rpm|kernelpkg_linux_yum"
    r"|upstart_service|dummyproxy|rest_|ssh_(?:pkg|service)|salt_proxy|saltcloudmod)"
    r"|.*/tests?/|urllib3/contrib|backports/"
)
IMPORT = re.compile(rb"(?: {4})?(?:import (salt[\w.]*)|from (salt[\w.]*) import \(?([\w, ]*))")


@dataclass(frozen=True)
class Thin:
    """An archive that a node keeps, unpacked, in a folder named by its digest."""

    digest: str
    data: bytes


def thin(cache: Path) -> Thin:
    """Return Salt, the libraries it needs and our runner, for Python 3.8 and later on any processor.

    cache
        Folder of this machine in which it is kept: packing takes about 2 s of CPU.
    """
    key = hashlib.sha256("\n".join([_own_source(), *map(_version, LIBRARIES)]).encode()).hexdigest()[:16]
    for path in cache.glob(f"thin-{key}-*.tgz"):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if path.name == f"thin-{key}-{digest}.tgz":
            return Thin(digest, data)
    made = _packed({"runner.py": RUNNER.read_bytes(), **_sources()})
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in cache.glob("thin-*.tgz"):
        old.unlink(missing_ok=True)
    write_atomic(cache / f"thin-{key}-{made.digest}.tgz", made.data)
    return made


def _packed(files: dict[str, bytes]) -> Thin:
    """Pack files so that the same files always give the same digest."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=6) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    data = packed.getvalue()
    return Thin(hashlib.sha256(data).hexdigest(), data)


def _sources() -> dict[str, bytes]:
    """Return every file of Salt and its libraries that a node needs."""
    import salt.utils.thin

    # Salt would send this Python's own library too, which another Python cannot use.
    own, site = (Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib"))
    kept: dict[str, bytes] = {}
    foreign: dict[str, bytes] = {}
    for top in salt.utils.thin.get_tops():
        path = Path(top if isinstance(top, str) else top[0])
        if own in path.parents and site not in path.parents:
            continue
        for file in [path] if path.is_file() else path.rglob("*"):
            # Compiled modules fit this machine's Python and processor; all of these have a second, pure way.
            if file.suffix in (".py", ".txt", ".pem"):
                name = str(file.relative_to(path.parent))
                (foreign if FOREIGN.match(name) else kept)[name] = file.read_bytes()
    waiting = list(kept)
    while waiting:
        for name in _imported(kept[waiting.pop()]):
            if name in foreign:
                kept[name] = foreign.pop(name)
                waiting.append(name)
    return {name: body if name.startswith("salt/") else downlevelled(body) for name, body in kept.items()}


def _imported(source: bytes) -> Iterator[str]:
    """Yield the files that a module of Salt's may import when it is imported itself."""
    for line in source.splitlines():
        found = IMPORT.match(line)
        if found:
            base, names = (part.decode() for part in (found[1] or found[2], found[3] or b""))
            for module in (base, *(f"{base}.{name.strip()}" for name in names.split(","))):
                parts = module.split(".")
                for end in range(1, len(parts) + 1):
                    place = "/".join(parts[:end])
                    yield f"{place}.py"
                    yield f"{place}/__init__.py"


def _own_source() -> str:
    return "".join(path.read_text("utf-8") for path in (Path(__file__), Path(downlevel.__file__), RUNNER))


def _version(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return library
