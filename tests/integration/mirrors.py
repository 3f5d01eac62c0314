"""A small apt mirror on a lab node's own disk: lab nodes reach no other."""

from __future__ import annotations

import shlex

from mip_salt.lab.node import LabNode
from openpgp import Keyring

FOLDER = "/srv/mirror"
# repack PACKAGE NAME VERSION: a package of what an installed one is made of. listed: what apt is told of packages.
TOOLS = r"""
repack() {
  rm -rf t; mkdir -p t/DEBIAN
  dpkg-query -L $1 | while read -r f; do
    [ ! -f "$f" ] || { mkdir -p "t$(dirname "$f")"; cp -a "$f" "t$f"; }
  done
  dpkg-query -s $1 | grep -Ev '^(Status|Conffiles|Conflicts|Breaks|Replaces|Recommends):|^ /etc/' |
    sed -e "s/^Package: .*/Package: $2/" -e "s/^Version: .*/Version: $3/" > t/DEBIAN/control
  for s in preinst postinst prerm postrm conffiles; do
    [ ! -e /var/lib/dpkg/info/$1.$s ] || cp /var/lib/dpkg/info/$1.$s t/DEBIAN/$s
  done
  dpkg-deb -Znone -b t $2.deb >/dev/null; rm -rf t
}
version() { dpkg-query -Wf '${Version}' $1; }
taken_off() { dpkg --remove --force-depends $1; }
listed() {
  for d; do
    dpkg-deb -f $d
    printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' $d $(stat -c %s $d) $(sha256sum < $d | cut -d' ' -f1)
  done
}
"""


def take_off(node: LabNode, *packages: str, more: str = "") -> None:
    """Take installed packages off a node, and let its apt offer them again, and nothing else.

    more
        Files of packages that it is to offer too, as a shell's pattern.
    """
    steps = [
        f"rm -rf {FOLDER} /etc/apt/sources.list /etc/apt/sources.list.d/*; mkdir -p {FOLDER}; cd {FOLDER}",
        *(f'repack {package} {package} "$(version {package})"; taken_off {package}' for package in packages),
        f"cp {more} ." if more else "",
        "listed ./*.deb > Packages",
        f"echo 'deb [trusted=yes] file:{FOLDER} ./' > /etc/apt/sources.list.d/mirror.list",
    ]
    node.run("\n".join(["set -e", TOOLS, *steps]))


def dockers_own(node: LabNode, keys: Keyring, release: str, floor: str = "20.10.24") -> None:
    """Take the engine off a node, and lay out a mirror of Docker's packages there, at port 8090 of its loopback.

    The packages are stand-ins: docker-ce is Debian's docker.io under that name, the others are empty. The lists are
    signed with the first key of a keyring, which never goes there.
    """
    dist = f"/srv/docker/debian/dists/{release}"
    pool = [
        "set -e",
        TOOLS,
        f"mkdir -p {dist}/stable/binary-amd64 /srv/docker/debian/pool; cd /srv/docker/debian/pool",
        f"repack docker.io docker-ce 5:{floor}~standin",
    ]
    for name in ("docker-ce-cli", "containerd.io"):
        control = f"Package: {name}\nVersion: 1~standin\nArchitecture: all\nMaintainer: a test\nDescription: stand-in\n"
        pool.append(f"mkdir -p t/DEBIAN; printf %s {shlex.quote(control)} > t/DEBIAN/control")
        pool.append(f"dpkg-deb -Znone -b t {name}.deb >/dev/null; rm -rf t")
    pool += [
        f"cd ..; listed pool/*.deb > {dist}/stable/binary-amd64/Packages; cd {dist}",
        "taken_off docker.io >&2; rm -rf /var/run/docker.sock /etc/apt/sources.list /etc/apt/sources.list.d/*",
        f"echo Codename: {release}; echo Suite: {release}; echo Components: stable; echo Architectures: amd64",
        'echo "Date: $(date -Ru)"; echo SHA256:; p=stable/binary-amd64/Packages',
        'echo " $(sha256sum < $p | cut -d" " -f1) $(stat -c %s $p) $p"',
    ]
    lists = node.run("\n".join(pool))
    node.run(f"cat > {dist}/InRelease", stdin=keys.gpg("--clearsign", stdin=lists.encode()))
    node.run("cat > /srv/docker/debian/gpg", stdin=keys.public())
    node.run("systemd-run --quiet --unit=mirror python3 -m http.server 8090 --bind 127.0.0.1 --directory /srv/docker")
