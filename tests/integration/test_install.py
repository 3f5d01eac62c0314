"""Every way to install the package gives a working mip-salt with salt-ssh beside it, and ships no secret."""

import os
import shutil
import site
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

# What is built is built once, by one process.
pytestmark = pytest.mark.xdist_group("install")
PROJECT = Path(__file__).parents[2]
SECRETS = (
    "gnupg",
    "id_ed25519",
    ".gpg",
    ".asc",
    ".key",
    ".pem",
    ".local.",
    "pillar/nodes/",
    "pillar/federation.sls",
    ".env",
)


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what git tracks, with a secret in every place where one could lie by mistake."""
    copy = tmp_path_factory.mktemp("checkout") / "mip-salt"
    copy.mkdir()
    for name in run("git", "ls-files", "-z", cwd=PROJECT).split("\0")[:-1]:
        if (PROJECT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
    strays = (
        "pillar/federation.sls",
        "pillar/nodes/ms.sls",
        "pillar/plain.local.sls",
        "states/id_ed25519",
        "salt/gnupg/k.key",
    )
    for stray in (*strays, "cli/mip_salt/.env", "pillar/x.gpg", "_modules/x.pem"):
        (copy / stray).parent.mkdir(parents=True, exist_ok=True)
        (copy / stray).write_text("hunter2hunter2")
    return copy


@pytest.fixture(scope="module")
def built(checkout, tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, checkout)
    return out


def test_the_wheel_holds_code_and_data_and_no_secret(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        assert not [n for n in names if any(secret in n for secret in SECRETS)]
        assert not [n for n in names if b"hunter2" in wheel.read(n)]
    for needed in (
        "main.py",
        "py.typed",
        "data/salt/master.yaml",
        "data/pillar/defaults.yaml",
        "data/states/top.sls",
        "data/states/_states/mip_host.py",
        "data/_modules/mip_identity.py",
    ):
        assert f"mip_salt/{needed}" in names
    assert {n.split("/")[0] for n in names} == {"mip_salt", next(n for n in names if "dist-info" in n).split("/")[0]}
    assert not [n for n in names if "/tests/" in n or n.endswith(".pyc")]


def test_the_source_distribution_holds_no_secret(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = sdist.getnames()
    assert not [n for n in names if any(secret in n for secret in SECRETS)]
    assert [n for n in names if n.endswith("/states/top.sls")]


def works(binaries: Path, root: Path):
    env = {**os.environ, "PATH": f"{binaries}:/usr/bin:/bin", "MIP_SALT_ROOT": str(root)}
    assert run(binaries / "mip-salt", "--version", env=env).startswith("mip-salt, version 0.1.0")
    assert (
        "No federation"
        in subprocess.run([binaries / "mip-salt", "federation", "list"], env=env, capture_output=True, text=True).stderr
    )
    assert run(binaries / "mip-salt", "schema", "federation", env=env).startswith("{")
    assert run(binaries / "salt-ssh", "--version", env=env).startswith("salt-ssh 300")
    python = (binaries / "mip-salt").read_text("utf-8").splitlines()[0].removeprefix("#!").split()[0]
    assert run(python, "-m", "pip", "--version").startswith("pip ")


@pytest.mark.parametrize("way", [["."], ["-e", "."]], ids=["pip install .", "pip install -e ."])
def test_pip(way, checkout, tmp_path):
    """The dependencies are those of the tests' own environment: to install Salt anew takes minutes."""
    run(sys.executable, "-m", "venv", tmp_path / "v")
    inner = next((tmp_path / "v" / "lib").glob("python3*")) / "site-packages"
    (inner / "outer.pth").write_text("\n".join(site.getsitepackages()), "utf-8")
    run(tmp_path / "v/bin/pip", "install", "-q", "--no-deps", *way, cwd=checkout)
    works(tmp_path / "v/bin", tmp_path)


def test_uv_tool(checkout, tmp_path):
    env = {**os.environ, "UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    run(sys.executable, "-m", "uv", "tool", "install", "-q", "--python", sys.executable, ".", cwd=checkout, env=env)
    works(tmp_path / "bin", tmp_path)


def test_pipx(checkout, tmp_path):
    env = {
        **os.environ,
        "PIPX_HOME": str(tmp_path / "pipx"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
    }
    run(sys.executable, "-m", "pipx", "install", "--python", sys.executable, ".", cwd=checkout, env=env)
    works(tmp_path / "bin", tmp_path)
