"""What `configure --from` takes."""

import pytest
from mip_salt.errors import UsageError
from mip_salt.federation.nodes_file import parse_nodes_file
from mip_salt.federation.schema import schema_of

KEY = "SHA256:" + "A" * 43
GOOD = f"""
nodes:
  ms: {{role: master, address: 10.0.0.11, port: 22, user: mipadmin, password: "012345",
       host_key: "{KEY}", hostname: brain-ms}}
  wk1: {{role: worker, address: 10.0.0.21, bastion: ms}}
"""


def test_a_file_tells_nodes_with_what_proves_and_opens_them():
    file = parse_nodes_file(GOOD, "f.yaml")
    assert file.nodes["ms"].password.get_secret_value() == "012345"
    assert file.nodes["ms"].host_key == KEY
    assert file.nodes["wk1"].password is None


def test_a_password_never_shows():
    assert "012345" not in repr(parse_nodes_file(GOOD, "f.yaml"))
    with pytest.raises(UsageError) as refused:
        parse_nodes_file(GOOD.replace('"012345"', "[hunter2hunter2]").replace("port: 22", "port: x"), "f.yaml")
    assert "hunter2" not in str(refused.value)


def test_all_errors_are_named_at_once_each_with_its_path():
    with pytest.raises(UsageError) as refused:
        parse_nodes_file(
            "nodes: {ms: {role: master, adress: x, password: 012345, host_key: MD5:x}, wk01: {role: x}}", "f.yaml"
        )
    lines = str(refused.value).splitlines()
    assert lines[0] == "f.yaml has errors:"
    for path in (
        "nodes.ms.address: is missing",
        "nodes.ms.adress: is not",
        "nodes.ms.password: must be text",
        "nodes.ms.host_key: a fingerprint",
        "nodes.wk01",
    ):
        assert any(line.strip().startswith(path) for line in lines), (path, lines)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "nodes: {}",
        "nodes: []",
        "nodes: {ms: {role: master, address: a}, ms: {role: master, address: b}}",
        "x: 1",
        "\0",
    ],
)
def test_what_is_not_a_nodes_file_is_refused(text):
    with pytest.raises(UsageError):
        parse_nodes_file(text, "f.yaml")


@pytest.mark.parametrize("file", ["nodes-file", "federation"])
def test_the_published_schema_is_the_current_one(file, pytestconfig):
    import json

    published = json.loads((pytestconfig.rootpath / "docs" / "schema" / f"{file}.schema.json").read_text("utf-8"))
    assert published == schema_of(file)
