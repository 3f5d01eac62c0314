"""A release of the lab's own: compose files of the shape that MIP's and exareme's have, which name the stand-in images.

They are written here, not MIP's or exareme's; `mip-salt install` takes them as it takes those.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from mip_salt.lab.tools import call

MIP, EXAREME = "0.7.1", "0.24.5"
NOTE = "# A stand-in of mip-salt's lab, of the shape of the real file; not MIP's, not exareme's.\n"
PLACED = """\
    deploy:
      placement:
        constraints: ['node.role == {role}', 'node.labels.name == ${{FEDERATION_NODE}}']
    networks: [net-federation]
"""
SERVICE = """\
  {name}:
    image: ${{EXAREME_IMAGE}}
    environment:
      - CONSULURL=${{EXAREME_KEYSTORE}}
      - FEDERATION_ROLE=${{FEDERATION_ROLE}}
      - NODE_NAME=${{FEDERATION_NODE}}
    volumes: ['${{LOCAL_DATA_FOLDER}}:${{DOCKER_DATA_FOLDER}}']
"""
NETWORK = "networks: {net-federation: {external: {name: mip-federation}}}\nservices:\n"
MASTER = (
    f"{NOTE}version: '3.2'\n{NETWORK}"
    "  exareme-keystore:\n    image: mip-standin/keystore:1\n"
    + PLACED.format(role="manager")
    + SERVICE.format(name="exareme-master")
    + "    ports: [{target: 9090, published: 9090, protocol: tcp, mode: host}]\n"
    + PLACED.format(role="manager")
)
WORKER = f"{NOTE}version: '3'\n{NETWORK}" + SERVICE.format(name="exareme") + PLACED.format(role="worker")
FRONT_END = (
    NOTE
    + """\
version: '3.7'
services:
  create_dbs:
    image: mip-standin/create-databases:1
    restart: on-failure
  portalbackend:
    image: mip-standin/portal-backend:1
    environment: {EXAREME_URL: 'http://${EXAREME_IP}:9090', KEYCLOAK: '${KEYCLOAK_URL}'}
    ports: ['8080:8080']
    volumes: ['./config:/opt/portal/api', './logs:/opt/portal/logs']
    restart: unless-stopped
  frontend:
    image: mip-standin/portal-frontend:1
    depends_on: [portalbackend]
    ports: ['80:80']
    environment: {INSTANCE_NAME: 'MIP ${MIP}', PUBLIC_MIP_HOST: '${PUBLIC_MIP_HOST}'}
    restart: unless-stopped
"""
)
COMPOSE = "Federated-Deployment/docker-swarm/Compose-Files"
TO_MIP = {
    ".versions_env": f"EXAREME={EXAREME}\nMIP={MIP}\n",
    "Federation/docker-compose.yml": FRONT_END,
    "Federation/config/disabledAlgorithms.json": "[]\n",
    "config/pathologies_generator.py": NOTE,
}
TO_EXAREME = {f"{COMPOSE}/docker-compose-master.yml": MASTER, f"{COMPOSE}/docker-compose-worker.yml": WORKER}


def make(folder: Path) -> tuple[Path, Path]:
    """Make both repositories, unless they are there; return mip-deployment's and exareme's.

    folder
        Where they are to lie.

    Raises Damaged if git fails.
    """
    mip, exareme = folder / "mip-deployment", folder / "exareme"
    done, wanted = folder / "made-from", hashlib.sha256(repr((TO_MIP, TO_EXAREME)).encode()).hexdigest()
    if not done.is_file() or done.read_text("utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _repository(mip, MIP, TO_MIP)
        _repository(exareme, EXAREME, TO_EXAREME)
        done.write_text(wanted, "utf-8")
    return mip, exareme


def _repository(path: Path, tag: str, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, "utf-8")
    who = ["-c", "user.name=mip-salt lab", "-c", "user.email=lab@localhost", "-c", "commit.gpgsign=false"]
    call(["git", "init", "-q", "-b", "master", str(path)])
    call(["git", "-C", str(path), "add", "-A", "-f"])
    call(["git", "-C", str(path), *who, "commit", "-q", "-m", f"The lab's stand-in, {tag}"])
    call(["git", "-C", str(path), *who, "tag", "-a", "-m", tag, tag])
