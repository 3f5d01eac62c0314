"""Whatever the incumbent's files say, an import reads what is within our rules and tells the rest, inert."""

import functools
import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from incumbents import ANSIBLE, VAULT_PASSWORD, brain, seal
from mip_salt.errors import MipError
from mip_salt.federation.node_ids import NODE_ID
from mip_salt.federation.nodes_file import NodesFile, parse_nodes_file
from mip_salt.incumbent import ansible_vault, vault_values
from mip_salt.incumbent.archive import read_archive
from mip_salt.incumbent.files import ALL, CONFIG, ENVIRONMENT, EXAREME, HOSTS, MASTER, VAULT, File, Source
from mip_salt.incumbent.flaws import MOST, Flaws
from mip_salt.incumbent.read import Incumbent, read
from mip_salt.workflows.incumbent import as_text, nodes_file

USUAL = {
    CONFIG: brain().config(),
    HOSTS: brain().hosts(),
    VAULT: brain().vault(),
    EXAREME: 'EXAREME_TAG: "24.3.0"\n',
    ALL: 'DOMAIN_NAME: "x.org"\n',
    ENVIRONMENT: "KEYCLOAK_URL=x\n",
    MASTER: "      - CONVERT_CSVS=FALSE\n",
}
TOOK = ("nothing at all", "it for true or false", "it for a number", "only a part of it", "something else")
TOOK += ("it for something that is no text",)
# All that a flaw may say of a password: none of it is made of the password.
SAID = {
    *(f"master_ssh_pass is not in quotes, and Ansible took {took}: used here as it was typed" for took in TOOK),
    "master_ssh_pass holds a character that mip's wizard could not send: it may never have been tried",
    "is not a line that mip writes (NAME_ssh_pass: …): not read",
}
EVIL = st.sampled_from(
    [
        "\x1b[31m",
        "\x00",
        "\u202e",
        "\r",
        "{{ 1+1 }}",
        "$(id)",
        "`id`",
        "../../etc",
        "-oProxyCommand=id",
        "'",
        '"',
        "#",
        "!!python/object/apply:os.system [id]",
        "&a [*a]",
        "=",
        "[",
        "]",
        "\n",
        " ",
        "\\",
        "Host ",
        "worker1:9",
        "é",
        "9" * 5000,
    ]
)


@st.composite
def spoilt(draw, text):
    """A text that says what it should, but for pieces put in, taken out, or told twice."""
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(text))] * 2)))
        end = min(end, start + 40)
        text = text[:start] + draw(st.one_of(EVIL, st.text(max_size=8), st.just(text[start:end] * 2))) + text[end:]
    return text


def read_as(texts):
    files = {name: File(text.encode("utf-8", "surrogatepass")) for name, text in texts.items()}
    return read(Source(Path("/opt/brain/exareme"), "brain", files), lambda sealed: b"")


def within_the_rules(found: Incumbent):
    assert all(NODE_ID.match(node.id) for node in found.nodes)
    assert len({node.id for node in found.nodes}) == len(found.nodes)
    for told in [*map(str, found.flaws), *(left.what + left.why for left in found.left)]:
        assert told.isprintable()
        assert len(told) < 500
    if found.nodes:
        file = nodes_file("brain", found.nodes, {})
        assert isinstance(file, NodesFile)
        again = parse_nodes_file(as_text(file, found, []), "f")
        assert again.nodes == {name: wish.model_copy(update={"password": None}) for name, wish in file.nodes.items()}


@pytest.mark.parametrize("name", list(USUAL))
def test_a_spoilt_file_is_read_within_the_rules(name):
    @given(spoilt(USUAL[name]))
    @settings(max_examples=40)
    def holds(text):
        within_the_rules(read_as({**USUAL, name: text}))

    holds()


@given(st.dictionaries(st.sampled_from(list(USUAL)), st.text(max_size=300)))
def test_any_texts_are_read_within_the_rules(texts):
    within_the_rules(read_as({CONFIG: "", **texts}))


@given(st.text(min_size=1, max_size=40).filter(str.isprintable))
@example("012345")
@example("!!python/object/apply:os.system [id]")
@example("=")
@example("2001-13-45")
@example("1:2:3")
@example("9" * 5000)
@example(".inf")
def test_a_password_comes_back_as_bash_left_it_and_never_in_a_flaw(password):
    password = password.strip(" \t")
    assume(password and not password.startswith("!vault") and "\N{REPLACEMENT CHARACTER}" not in password)
    assume(not (password[0] in "\"'" and password[-1] == password[0]))
    flaws = Flaws(VAULT)
    found = vault_values.parse(f"master_ssh_pass: {password}\n", flaws)
    if len(password) < 3000:
        assert found["master_ssh_pass"].text == password
    assert {flaw.text for flaw in flaws.all()} <= SAID


@given(
    st.binary(max_size=400) | st.binary(max_size=200).map(lambda b: b"$ANSIBLE_VAULT;1.1;AES256\n" + b.hex().encode())
)
@example(b"")
@example(b"$ANSIBLE_VAULT;1.1;AES256")
def test_any_bytes_are_refused_as_a_vault_in_words(data):
    with pytest.raises(MipError) as refused:
        ansible_vault.unseal(ansible_vault.read(data, "vault.yaml"), "x")
    assert str(refused.value).isprintable()
    assert refused.value.hint


@given(st.binary(max_size=300), st.text(min_size=1, max_size=20).filter(lambda text: text.strip() == text))
@settings(max_examples=30)
def test_any_content_and_passphrase_come_back(content, passphrase):
    assume(passphrase.isprintable())
    assert ansible_vault.unseal(ansible_vault.read(seal(content, passphrase), "v"), passphrase) == content


def test_a_file_of_noise_has_no_more_flaws_than_can_be_read():
    found = read_as({**USUAL, CONFIG: "noise\n" * 5000})
    assert sum(flaw.file == CONFIG for flaw in found.flaws) == MOST + 1


@functools.cache
def plain_backup():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, data in brain().files().items():
            header = tarfile.TarInfo(f"opt/brain/exareme/{path.replace(f'{ANSIBLE}/../', ANSIBLE[:-14])}")
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return out.getvalue()


@given(st.lists(st.tuples(st.integers(0, 12_000), st.binary(min_size=1, max_size=12)), min_size=1, max_size=4))
@example([(124, b"-7777777777")])
@example([(156, b"x"), (124, b"77777777777")])
@example([(156, b"S")])
def test_a_spoilt_backup_is_read_or_refused(tmp_path_factory, changes):
    data = bytearray(plain_backup())
    for at, new in changes:
        data[at : at + len(new)] = new
    path = tmp_path_factory.getbasetemp() / "spoilt.tar.gz"
    path.write_bytes(gzip.compress(bytes(data), 1))
    try:
        found = read_archive(path)
    except MipError as refused:
        found = refused
    if isinstance(found, MipError):
        assert found.message.isprintable()
        assert found.hint
    else:
        assert CONFIG in found.files
        within_the_rules(read(found, lambda sealed: None))


@given(st.binary(max_size=600) | st.binary(max_size=300).map(lambda b: b"\x1f\x8b\x08" + b))
def test_any_bytes_are_no_backup(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.tar.gz"
    path.write_bytes(data)
    with pytest.raises(MipError):
        read_archive(path)


def test_the_spoilt_backup_is_one_before_it_is_spoilt(tmp_path):
    path = tmp_path / "b.tar"
    path.write_bytes(plain_backup())
    found = read(read_archive(path), lambda sealed: ansible_vault.unseal(sealed, VAULT_PASSWORD))
    assert len(found.nodes) == 4
    assert found.opened
