"""Federations as mip-deployment's `mip` 6.5.1 leaves them, written from the format's description."""

import binascii
import hashlib
import hmac
import os
import tarfile
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

VAULT_PASSWORD = "ansible é 1492"
ANSIBLE = "Federated-Deployment/docker-swarm/Docker-Ansible"
OLD_ANSIBLE = "Federated-Deployment/Docker-Ansible"
EXAREME = 'EXAREME_IMAGE: "hbpmip/exareme"\nEXAREME_TAG: "{}"\n'
COMPOSE = "    environment:\n      - LOG_LEVEL=INFO       # INFO / DEBUG\n      - CONVERT_CSVS={}      # TRUE / FALSE\n"


def seal(plain: str | bytes, password: str = VAULT_PASSWORD, label: str | None = None) -> bytes:
    """Encrypt as ansible-vault does: format 1.1, or 1.2 with a label."""
    data = plain.encode() if isinstance(plain, str) else plain
    salt = os.urandom(32)
    keys = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 10_000, 80)
    pad = 16 - len(data) % 16
    cipher = Cipher(AES(keys[:32]), CTR(keys[64:])).encryptor()
    text = cipher.update(data + bytes([pad]) * pad) + cipher.finalize()
    check = hmac.new(keys[32:64], text, "sha256").digest()
    body = binascii.hexlify(b"\n".join(binascii.hexlify(part) for part in (salt, check, text))).decode()
    header = "$ANSIBLE_VAULT;1.1;AES256" if label is None else f"$ANSIBLE_VAULT;1.2;AES256;{label}"
    return "\n".join([header, *(body[at : at + 80] for at in range(0, len(body), 80)), ""]).encode()


class Incumbent:
    """A federation to be written: nodes by id, in the order of mip's wizard.

    nodes
        Id → address, user, password, hostname; a UI's password is not written, as mip never did.
    """

    def __init__(self, nodes, name="brain", data="/data", home="/opt/mip", tag="24.3.0"):
        self.nodes, self.name, self.data, self.home, self.tag = nodes, name, data, home, tag
        self.disabled = set()

    def ansible_name(self, node):
        return "master" if node == "ms" else "worker" + self.nodes[node]["address"].replace(".", "_")

    def config(self):
        """`.ssh/config`: four lines a node, then a blank one."""
        blocks = []
        for node, row in self.nodes.items():
            off = "#" if node in self.disabled else ""
            names = node if row["hostname"] == node else f"{node} {row['hostname']}"
            port = f"  Port {row['port']}\n" if row.get("port", 22) != 22 else ""
            blocks.append(
                f"{off}Host {names}\n  Hostname {row['address']}\n  User {row['user']}\n{port}"
                f"  IdentityFile /opt/{self.name}/exareme/.ssh/id_rsa\n"
            )
        return "\n".join(blocks)

    def hosts(self):
        """`hosts.ini`: a group a node, the list of workers after the master's."""
        workers = [node for node in self.nodes if node.startswith("wk")]
        parts = []
        for node in self.nodes:
            if node == "ui":
                continue
            name, row = self.ansible_name(node), self.nodes[node]
            own = f"{name} home_path={self.home}/\n" if node == "ms" else f"{name} hostname={row['hostname']}\n"
            takes = {"remote_user": "remote_user", "become_user": "become_user"}
            takes |= {"ansible_become_pass": "become_pass", "ansible_ssh_pass": "ssh_pass"}
            parts.append(
                f"[{name}]\n{name} ansible_host={row['address']}\n{own}{name} data_path={self.data}/{self.name}/\n\n"
                + "".join(f'{name} {key}="{{{{{name}_{value}}}}}"\n' for key, value in takes.items())
            )
            if node == "ms":
                parts.append("[workers]\n" + "".join(f"{self.ansible_name(worker)}\n" for worker in workers))
        return "\n".join(parts)

    def vault(self):
        """What vault.yaml says before it is encrypted; no value is quoted."""
        parts = []
        for node, row in self.nodes.items():
            name = self.ansible_name(node)
            if node != "ui":
                values = {"remote_user": row["user"], "become_user": row["user"]}
                values |= {"ssh_pass": row["password"], "become_pass": row["password"]}
                parts.append("".join(f"{name}_{key}: {value}\n" for key, value in values.items()))
        return "\n\n".join(parts)

    def files(self, ansible=ANSIBLE):
        """All that `mip backup` packs, by path below exareme."""
        return {
            ".ssh/config": self.config().encode(),
            ".ssh/id_rsa": b"-----BEGIN OPENSSH PRIVATE KEY-----\nnot one\n",
            ".mipenv": b"MIP_TYPE=fed\n",
            f"{ansible}/hosts.ini": self.hosts().encode(),
            f"{ansible}/vault.yaml": seal(self.vault()),
            f"{ansible}/group_vars/exareme.yaml": EXAREME.format(self.tag).encode(),
            f"{ansible}/../Compose-Files/docker-compose-master.yml": COMPOSE.format("FALSE").encode(),
        }

    def write(self, root: Path, files=None, ansible=ANSIBLE) -> Path:
        """Write it under a root, as ROOT/NAME/exareme; return ROOT/NAME."""
        for path, data in (files or self.files(ansible)).items():
            at = Path(os.path.normpath(root / self.name / "exareme" / path))
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(data)
            at.chmod(0o600)
        return root / self.name

    def pack(self, folder: Path, archive: Path) -> Path:
        """Pack a written federation as `mip backup` does: absolute paths, without their first slash."""
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(folder / "exareme", f"opt/{self.name}/exareme")
        archive.chmod(0o600)
        return archive


def node(address, hostname, password="pw 1492", user="mipadmin"):
    """A node as the wizard was told it."""
    return {"address": address, "hostname": hostname, "user": user, "password": password}


def brain():
    """A usual federation."""
    return Incumbent(
        {
            "ms": node("10.0.0.11", "brain-ms", "pw-of-ms"),
            "ui": node("10.0.0.12", "brain-ui", "pw-of-ui"),
            "wk1": node("10.0.0.21", "chuv", "pw-of-chuv"),
            "wk2": node("10.0.0.22", "chuv-dev", "pw-of-chuv-dev"),
        }
    )
