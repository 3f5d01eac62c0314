"""Which files of Salt a node needs, readable by the oldest Python that we serve."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from mip_salt.errors import Damaged

# A node is a Debian or Ubuntu that takes orders: what is of other systems, of network gear and of Salt's masters stays
# here, unless something of the rest imports it. Each costs an idle apply time: `pkg` asks for a function that no module
# has, so Salt loads every module there is, and `idem` then every one of salt/utils (measured, 3008.3).
FOREIGN = re.compile(
    r"salt/(?:netapi|runners|wheel|cluster|spm|metaproxy|daemons|cloud|beacons|engines|thorium|proxy|roster|tokens"
    r"|templates|ext/vsan|auth/[^_])"
    r"|salt/client/(?!__init__|ssh/__init__|ssh/ssh_py_shim|ssh/wrapper/__init__|ssh/state|mixins|netapi)"
    r"|salt/(?:modules|states|grains)/(?:win_|mac_|macdefaults|macpackage|napalm|vsphere|vmware|vsan|junos|nxos|arista"
    r"|solaris|aix|smf_|zone|chocolatey|pkgng|pkgin|pkgutil|pw_|boto|aws|openstack|netacl|netntp|netsnmp|netusers"
    r"|idem|at_solaris|rbac_solaris|iosconfig|nixpkg|pacmanpkg|yumpkg|zypperpkg|rh_|rpm|kernelpkg_linux_yum"
    r"|upstart_service|dummyproxy|rest_|ssh_(?:pkg|service)|salt_proxy|saltcloudmod)"
    r"|.*/tests?/"
)
# Salt asks for 3.8 only, but gives names to types as 3.9 reads them, for its annotations alone (measured, 3008.4).
ALIAS = re.compile(rb"^(\w+) = ((?:dict|list|set|tuple)\[.+\])$", re.MULTILINE)
# What Salt's modules read that is no Python.
DATA = ("_version.txt", "templates/debian_ip/*.jinja")
IMPORT = re.compile(rb"(?: {4})?(?:import (salt[\w.]*)|from (salt[\w.]*) import \(?([\w, ]*))")


def of_salt() -> dict[str, bytes]:
    """Return what a node needs of the Salt that is installed here, by path.

    Raises Damaged if none is.
    """
    found = find_spec("salt")
    if not found or not found.origin:
        raise Damaged("Salt is not installed beside mip-salt", hint="Install mip-salt again, with all that it needs.")
    package = Path(found.origin).parent
    kept: dict[str, bytes] = {}
    foreign: dict[str, bytes] = {}
    for name in DATA:
        kept |= {f"salt/{file.relative_to(package)}": file.read_bytes() for file in package.glob(name)}
    for file in package.rglob("*.py"):
        name = str(file.relative_to(package.parent))
        (foreign if FOREIGN.match(name) else kept)[name] = ALIAS.sub(rb'\1 = "\2"', file.read_bytes())
    waiting = list(kept)
    while waiting:
        for name in _imported(kept[waiting.pop()]):
            if name in foreign:
                kept[name] = foreign.pop(name)
                waiting.append(name)
    return kept


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
