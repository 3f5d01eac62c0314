"""What is sent to a node: small, the same each time, whole, and readable by the oldest Python we serve."""

import ast
import gzip
import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import tarfile

import pytest
from mip_salt.federation.model import Node
from mip_salt.remote.bootstrap import FIRST, remote_command
from mip_salt.remote.oldest import OLDEST
from mip_salt.remote.thin import RUNNER, Thin, thin
from wheelhouse import wheelhouse

GENERIC_SINCE_3_9 = re.compile(rb"\b(?:dict|frozenset|list|set|tuple|type)\[")
CONFIRMED = {"role": "worker", "address": "10.0.0.21", "hostname": "brain-wk1", "machine_id": "0" * 32}


@pytest.fixture(scope="module", autouse=True)
def libraries():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIP_SALT_WHEELHOUSE", str(wheelhouse()))
        yield


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Thin:
    return thin(tmp_path_factory.mktemp("thin"))


@pytest.fixture(scope="module")
def files(packed: Thin) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed.data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def test_it_is_the_same_each_time(packed, tmp_path):
    assert thin(tmp_path).digest == packed.digest
    assert thin(tmp_path) == packed


def test_a_kept_one_that_was_damaged_is_made_anew(packed, tmp_path):
    thin(tmp_path)
    (kept,) = tmp_path.glob("*.tgz")
    kept.write_bytes(b"x")
    assert thin(tmp_path) == packed


def test_one_that_was_packed_elsewhere_is_taken_if_it_holds_the_same_bytes(packed, tmp_path):
    elsewhere = gzip.compress(gzip.decompress(packed.data), compresslevel=1)
    assert thin(tmp_path, elsewhere) == Thin(hashlib.sha256(elsewhere).hexdigest(), elsewhere)
    assert thin(tmp_path).data == elsewhere


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.replace(b"def serve", b"def swerve"),
        lambda plain: plain + b"\0",
        lambda plain: plain[:-512],
        lambda plain: plain.replace(b"0000600", b"0004755", 1),
    ],
    ids=["other code", "more", "less", "another mode"],
)
def test_one_that_holds_anything_else_is_left(packed, tmp_path, change):
    plain = gzip.decompress(packed.data)
    assert change(plain) != plain
    assert thin(tmp_path, gzip.compress(change(plain))) == packed


@pytest.mark.parametrize("given", [b"no archive", b"\x1f\x8b", b"\x1f\x8b\x08\x00" + bytes(40)])
def test_what_is_no_archive_at_all_is_left(packed, tmp_path, given):
    assert thin(tmp_path, given) == packed


def test_it_holds_the_runner_and_no_compiled_module(files, packed):
    assert {files[f"mip_salt/remote/node/{path.name}"] for path in RUNNER} == {path.read_bytes() for path in RUNNER}
    assert not [name for name in files if name.endswith((".so", ".pyc"))]
    assert len(packed.data) < 4_000_000


def test_whatever_a_state_of_linux_imports_is_there(files):
    missing = set()
    for name, body in files.items():
        if name.startswith(("salt/states/", "salt/modules/")):
            for node in ast.parse(body).body:
                for module in [a.name for a in node.names] if isinstance(node, ast.Import) else []:
                    place = module.replace(".", "/")
                    if place.startswith("salt/") and not {f"{place}.py", f"{place}/__init__.py"} & set(files):
                        missing.add(module)
    assert not missing


def test_no_module_gives_names_to_types_that_the_oldest_python_cannot_read(files):
    """Annotations it never evaluates; and salt/cluster is a master's, which no node imports."""
    newer = {}
    for name, body in files.items():
        if GENERIC_SINCE_3_9.search(body) and not name.startswith("salt/cluster/"):
            for node in ast.parse(body, feature_version=OLDEST).body:
                value = node.value if isinstance(node, ast.Assign) else None
                if isinstance(value, ast.Subscript) and GENERIC_SINCE_3_9.search(ast.unparse(value).encode()):
                    newer[f"{name}:{node.lineno}"] = ast.unparse(node)
    assert not newer


@pytest.mark.parametrize("source", [FIRST, *(path.read_text("utf-8") for path in RUNNER)])
def test_ours_is_read_by_the_oldest_python(source):
    assert ast.parse(source, feature_version=OLDEST).body


def test_the_machine_is_checked_before_anything_else_runs():
    script = shlex.split(remote_command(Node.model_validate(CONFIRMED)))[-1]
    assert script.startswith(f"test `cat /etc/machine-id`.`uname -n` = {'0' * 32}.brain-wk1 || {{ ")
    assert script.index("exit 77") < script.index("sudo")


@pytest.mark.parametrize("user", ["root", "mipadmin"])
def test_the_command_is_short_and_means_nothing_to_any_shell(user):
    command = remote_command(Node.model_validate({**CONFIRMED, "user": user}))
    assert len(command) < 2500
    assert not set("\n!") & set(command)
    assert ("sudo -n -- python3" in command) is (user != "root")


def test_a_password_is_asked_for_only_after_the_check():
    script = shlex.split(remote_command(Node.model_validate(CONFIRMED), password=True))[-1]
    assert script.index("exit 77") < script.index("printf") < script.index("sudo -k -S")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can cut the network off")
def test_with_the_libraries_at_hand_it_is_packed_without_any_network(packed, tmp_path):
    pack = "import sys, pathlib, mip_salt.remote.thin as t; print(t.thin(pathlib.Path(sys.argv[1])).digest)"
    call = ["unshare", "--net", sys.executable, "-c", pack, str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == packed.digest
