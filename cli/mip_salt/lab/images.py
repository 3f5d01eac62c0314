"""Stand-in images for a federation without a registry: built from Debian packages, loaded on the lab's nodes.

One layer, many names. Each image carries the label ``mip.standin=true``, and none bears a name of MIP's or exareme's.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mip_salt.lab import standin
from mip_salt.lab.base import discard
from mip_salt.lab.node import LabNode
from mip_salt.lab.release import EXAREME
from mip_salt.lab.sources import apt_sources
from mip_salt.lab.tools import Progress, call

SECONDS = 900
# Not as a base that is being built: who builds one takes what others left.
BUILDING = ".images-"
# bookworm has no consul; bullseye's runs on bookworm's libc (measured).
PYTHON = ("bookworm", "python3-minimal,libpython3-stdlib")
CONSUL = ("bullseye", "consul")
UNNEEDED = ("usr/share", "var", "usr/lib/dpkg", "usr/sbin", "usr/lib/python3.11/test")


@dataclass(frozen=True)
class Image:
    """One name, the part that it plays (as in standin.py), and the ports it answers on."""

    name: str
    part: str
    ports: str = ""


IMAGES = (
    Image("mip-standin/keystore:1", "keystore"),
    Image(f"mip-standin/exareme:{EXAREME}", "exareme"),
    Image("mip-standin/create-databases:1", "once"),
    Image("mip-standin/portal-backend:1", "web", "8080"),
    Image("mip-standin/portal-frontend:1", "web", "80"),
)


def path_in(cache: Path) -> Path:
    """Return where the images lie; another program or other packages lie elsewhere, so they are never stale."""
    recipe = repr((IMAGES, PYTHON, CONSUL, UNNEEDED)) + Path(standin.__file__).read_text("utf-8")
    return cache / f"images-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}.tar"


def build(cache: Path, progress: Progress) -> Path:
    """Build the images, unless they are there; they appear whole or not at all.

    cache
        The folder of base images.

    Raises Damaged with the words of what fails.
    """
    path = path_in(cache)
    if path.is_file():
        return path
    progress("building the stand-in images, once (a quarter of a minute or so)")
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in cache.glob("images-*.tar"):
        stale.unlink()
    for left in cache.glob(f"{BUILDING}*"):
        discard(left)
    with tempfile.TemporaryDirectory(dir=cache, prefix=BUILDING) as name:
        work = Path(name)
        root, consul = work / "python", work / "consul"
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: _unpack(one[0], one[1], work), ((PYTHON, root), (CONSUL, consul))))
        shutil.copy2(consul / "usr/bin/consul", root / "usr/bin/consul")
        for folder in UNNEEDED:
            shutil.rmtree(root / folder, ignore_errors=True)
        for folder in ("tmp", "root", "proc", "sys", "dev", "var"):
            (root / folder).mkdir(exist_ok=True)
        (root / "standin.py").write_text(Path(standin.__file__).read_text("utf-8"), "utf-8")
        _archive(root, work / "images.tar", path.stem.partition("-")[2])
        (work / "images.tar").rename(path)
    return path


def load(nodes: Sequence[LabNode], path: Path, progress: Progress) -> None:
    """Load the images on nodes that do not have them, side by side.

    Raises NodeFailed with what docker says.
    """
    build_of = path.stem.partition("-")[2]
    asked = f"docker images --quiet --filter label=mip.standin.build={build_of} | sort -u | wc -l"
    with ThreadPoolExecutor(max_workers=4) as pool:
        counts = list(pool.map(lambda node: node.run(asked).strip(), nodes))
        lacking = [node for node, count in zip(nodes, counts, strict=True) if count != str(len(IMAGES))]
        if not lacking:
            return
        progress(f"loading the stand-in images on {', '.join(node.id for node in lacking)}")
        content = path.read_bytes()
        list(pool.map(lambda node: node.run("docker load --quiet", stdin=content, timeout=SECONDS), lacking))


def _unpack(packages: tuple[str, str], root: Path, work: Path) -> None:
    release, names = packages
    sources = work / f"{release}.sources"
    sources.write_text(apt_sources(release), "utf-8")
    settings = [line for line in call(["apt-config", "dump"]).splitlines() if re.match(r"Acquire::https?::", line)]
    (work / f"{release}.conf").write_text("\n".join([*settings, ""]), "utf-8")
    words = ["mmdebstrap", "--quiet", "--mode=root", "--variant=extract", f"--include={names}"]
    words += ['--aptopt=Acquire::Languages "none"', f"--aptopt={work / f'{release}.conf'}", release, str(root)]
    call([*words, *([str(sources)] if sources.stat().st_size else [])], timeout=SECONDS)


def _archive(root: Path, out: Path, build_of: str) -> None:
    """Write what `docker load` reads: a layer, and for each name its settings."""
    layer = out.with_suffix(".layer")
    with tarfile.open(layer, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(root, "", filter=_plain)
    digest = hashlib.sha256(layer.read_bytes()).hexdigest()
    manifest = []
    with tarfile.open(out, "w") as tar:
        tar.add(layer, "layer.tar", filter=_plain)
        for image in IMAGES:
            about = json.dumps(_settings(image, digest, build_of)).encode()
            name = f"{hashlib.sha256(about).hexdigest()}.json"
            _put(tar, name, about)
            manifest.append({"Config": name, "RepoTags": [image.name], "Layers": ["layer.tar"]})
        _put(tar, "manifest.json", json.dumps(manifest).encode())


def _settings(image: Image, digest: str, build_of: str) -> dict[str, object]:
    env = {"PATH": "/usr/bin:/bin", "STANDIN": image.part, "STANDIN_NAME": image.name, "STANDIN_PORTS": image.ports}
    return {
        "architecture": _architecture(),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "history": [{"created": "1970-01-01T00:00:00Z"}],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "config": {
            "Env": [f"{key}={value}" for key, value in env.items()],
            "Entrypoint": ["/usr/bin/python3", "-S", "/standin.py"],
            "Labels": {"mip.standin": "true", "mip.standin.build": build_of},
        },
    }


@lru_cache(maxsize=1)
def _architecture() -> str:
    return call(["dpkg", "--print-architecture"]).strip() if shutil.which("dpkg") else "amd64"


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
