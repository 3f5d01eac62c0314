"""Small repositories with the shape of mip-deployment and exareme: GitHub's own cannot be reached by the tests.

What they hold is as it was read in the real tags: annotated releases, `.versions_env` with its EXAREME line,
`Federation/`, helper scripts that differ between releases, compose files that lie one folder higher before MIP 6.5, and
an 8.0.0 that is Kubernetes and has neither. Each has ballast that the pusher has no use for.
"""

import os
import subprocess
from pathlib import Path

SERVICES = "version: '3.2'\nservices:\n  {name}:\n    image: ${{EXAREME_IMAGE}}\n    # {note}\n"
PAIRS = {"6.4.1": "23.1.0", "6.5.1": "24.3.0", "7.0.0": "24.5.0", "7.1.0": "24.5.1"}
# No file that the pusher needs: the real ones have these at the top, and git would like to read them.
OF_GIT = {".gitignore": "*.pyc\n", ".gitattributes": "*.bin binary\n"}
BALLAST = {"ballast/data.bin": os.urandom(200_000), **OF_GIT}


def git(repository, *words):
    """What git prints, run with nothing of this machine's configuration."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        **{f"GIT_{who}_{what}": f"up@{who}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        **{f"GIT_{who}_DATE": "2024-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")},
    }
    call = ["git", "-C", str(repository), *map(str, words)]
    return subprocess.run(call, env=environ, capture_output=True, text=True, check=True).stdout.strip()


class Repository:
    """A repository to be installed from."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.mkdir(parents=True)
        git(self.path, "init", "-q", "-b", "master")

    def __str__(self):
        return str(self.path)

    def commit(self, files, tag=None, branch=None):
        """Make the tree exactly these files, and commit it; return the commit."""
        if branch:
            git(self.path, "checkout", "-q", "-B", branch)
        git(self.path, "rm", "-rfq", "--ignore-unmatch", ".")
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        git(self.path, "add", "-A", "-f")
        git(self.path, "commit", "-q", "--allow-empty", "-m", tag or "more")
        if tag:
            git(self.path, "tag", "-a", "-m", tag, tag)
        return self.at("HEAD")

    def at(self, name):
        """The commit that a name means."""
        return git(self.path, "rev-parse", f"{name}^{{commit}}")

    def bundle(self, path):
        """All of it as a git bundle."""
        git(self.path, "bundle", "create", "-q", path, "--all")
        return path


def mip_files(release, exareme, **more):
    """The files of mip-deployment at a release that runs on Swarm."""
    files = {
        "mip": "#!/usr/bin/env bash\n",
        ".versions_env": f"EXAREME={exareme}\nPORTALBACKEND=7.3.2\nMIP={release}\n",
        "Federation/docker-compose.yml": SERVICES.format(name="frontend", note=release),
        "Federation/config/.gitignore": "*\n",
        "Federation/doc/picture.png": os.urandom(20_000),
        "config/pathologies_generator.py": f"# {release}\n",
        "config/keycloak/keycloak_roles_sync.py": f"# {release}\n",
        **BALLAST,
        **more,
    }
    if release < "7":
        files["config/convert-csv-dataset-to-db.py"] = f"# {release}\n"
    return files


def exareme_files(release, *, old=False):
    """The files of exareme at a release; of one before MIP 6.5 if old."""
    folder = "Federated-Deployment" + ("" if old else "/docker-swarm")
    return {
        "LICENSE": "MIT\n",
        f"{folder}/Compose-Files/docker-compose-master.yml": SERVICES.format(name="exareme-master", note=release),
        f"{folder}/Compose-Files/docker-compose-worker.yml": SERVICES.format(name="exareme", note=release),
        "Federated-Deployment/.gitignore": "*.retry\n",
        f"{folder}/Docker-Ansible/Init-Swarm.yaml": "- hosts: master\n",
        "Exareme-Docker/src/Main.java": "class Main {}\n",
        **BALLAST,
    }


def make_upstreams(root):
    """mip-deployment and exareme, with five and four releases, a branch `dev` each, and a candidate."""
    mip, exareme = Repository(root / "mip-deployment"), Repository(root / "exareme")
    for release, other in PAIRS.items():
        mip.commit(mip_files(release, other), tag=release)
        exareme.commit(exareme_files(other, old=release < "6.5"), tag=other)
    mip.commit(mip_files("7.2.0-rc1", "24.5.1"), tag="7.2.0-rc1")
    mip.commit({".versions_env": "EXAREME2=0.17.0\n", "kubernetes/values.yaml": "a: 1\n", **BALLAST}, tag="8.0.0")
    mip.commit(mip_files("dev", "24.5.1"), branch="dev")
    exareme.commit(exareme_files("dev"), branch="dev")
    return mip, exareme
