"""What Salt loads on the pusher, by its own loaders and by raw salt-ssh: both renderers and the pillar."""

import contextlib
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import salt.config
import salt.loader
import salt.pillar
import yaml
from mip_salt.federation.document import load
from mip_salt.federation.generate import refresh
from mip_salt.vault import session
from salt.exceptions import SaltClientError, SaltRenderError
from vaults import KEPT, MACHINES, SECRETS, Answers, copy_of, entry_of, short_folder

NODES = ("ms", "wk1", "wk2")


def finished(folder):
    """Write what `configure` writes beside the vault."""
    refresh(folder, load(folder))
    folder.known_hosts.write_text("")
    return folder


@pytest.fixture(scope="module")
def unlocked(made_once):
    """The federation brain as configured, open for the module's tests; what they write there is their own."""
    with short_folder() as root:
        folder = finished(copy_of(made_once, root / "brain"))
        session.unlock_for_good(folder, Answers())
        yield folder


@pytest.fixture
def locked(brain):
    return finished(brain)


def opts_of(folder, node):
    """The options with which raw salt-ssh compiles a node's pillar: the generated master's, and the roster's id."""
    opts = salt.config.master_config(str(folder.master))
    return {**opts, "id": node, "__role": "master", "file_client": "local", "saltenv": "base", "pillarenv": None}


@contextlib.contextmanager
def changed(path, text):
    """For a while a file says something else, or is not there (None)."""
    before = path.read_bytes()
    path.unlink() if text is None else path.write_text(text)
    try:
        yield
    finally:
        path.write_bytes(before)


def renderers(folder, node="wk1"):
    return salt.loader.render(opts_of(folder, node), {})


def pillar_of(folder, node):
    opts = opts_of(folder, node)
    # A node's grains come from the node: here it lies about all of them.
    grains = {"id": "wk2", "role": "master", "host": "wk2", "nodename": "wk2"}
    return salt.pillar.Pillar(opts, grains, node, "base", ext=None).compile_pillar()


def rendered(folder, name, text, node="wk1"):
    """What Salt gives to a renderer: the text without its first line, as a file."""
    return renderers(folder, node)[name](io.StringIO(text.partition("\n")[2]), saltenv="base", sls="nodes.wk1")


class TestTheVaultsRenderer:
    def test_salt_finds_all_that_is_ours_by_the_entry_point(self, unlocked):
        assert {"mip_vault", "mip_roster"} <= set(renderers(unlocked))
        opts = opts_of(unlocked, "wk1")
        assert "mip_federation" in salt.loader.pillars(opts, {})

    def test_it_returns_the_pillar_and_nothing_that_is_kept_for_the_operator(self, unlocked):
        found = rendered(unlocked, "mip_vault", unlocked.entry("wk1").read_text())
        assert found == entry_of("wk1").pillar
        assert KEPT["wk1"] not in repr(found)

    def test_it_refuses_another_nodes_entry(self, unlocked):
        with pytest.raises(SaltRenderError, match="wk1: its vault entry was sealed for another node"):
            rendered(unlocked, "mip_vault", unlocked.entry("wk2").read_text())

    @pytest.mark.parametrize("text", ["#!mip_vault\n", "#!mip_vault\ndb: {password: in clear}\n"])
    def test_it_refuses_what_is_not_sealed(self, unlocked, text):
        with pytest.raises(SaltRenderError, match="wk1: its vault entry is damaged"):
            rendered(unlocked, "mip_vault", text)

    def test_locked_it_says_what_to_do(self, locked):
        with pytest.raises(
            SaltRenderError, match=r"the vault of brain is locked\. Run: mip-salt -f brain vault unlock"
        ):
            rendered(locked, "mip_vault", locked.entry("wk1").read_text())


class TestTheRostersRenderer:
    def test_it_returns_the_generated_rows(self, unlocked):
        found = rendered(unlocked, "mip_roster", unlocked.roster.read_text())
        assert list(found) == list(NODES)
        assert found["wk1"]["host"] == "10.9.9.2"

    def test_locked_nothing_may_connect(self, locked):
        with pytest.raises(SaltClientError, match="is locked: run `mip-salt -f brain vault unlock`"):
            rendered(locked, "mip_roster", locked.roster.read_text())

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("wk1: {host: 10.0.0.1, passwd: secret}", "roster, wk1: passwd: not allowed"),
            ("wk1: {host: 10.0.0.1, priv: /root/.ssh/id}", "roster, wk1: priv: not allowed"),
            ("wk1: {host: 10.0.0.1, hots: x, sudo_user: y}", "roster, wk1: hots, sudo_user: not allowed"),
            ("wk1: 10.0.0.1", "roster, wk1: not a mapping: not allowed"),
            ("wk1: {host: a}\nwk1: {host: b}", "roster, line 2: wk1 stands twice"),
            ("wk1: {host: a, host: b}", "roster, line 1: host stands twice"),
            ("- wk1", "roster: not a mapping of nodes"),
            ("wk1: {host: [", "roster, line "),
            ("{% set x = 1 %}\nwk1: {host: '{{ x }}'}", "roster, line 1"),
            ("wk1: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ],
    )
    def test_what_mip_salt_would_not_write_is_refused_with_line_and_reason(self, unlocked, text, why):
        with pytest.raises(SaltClientError, match=why) as refused:
            rendered(unlocked, "mip_roster", f"#!mip_roster\n{text}\n")
        assert "secret" not in str(refused.value)
        assert "edit pillar/federation.sls instead" in str(refused.value)

    def test_jinja_in_a_value_is_text(self, unlocked):
        text = unlocked.roster.read_text().replace("host: 10.9.9.2", "host: '{{ 1+1 }}'")
        assert rendered(unlocked, "mip_roster", text)["wk1"]["host"] == "{{ 1+1 }}"

    def test_without_pinned_host_keys_nothing_may_connect(self, unlocked):
        missing = pytest.raises(SaltClientError, match="known_hosts is missing: no host key is pinned")
        with changed(unlocked.known_hosts, None), missing:
            rendered(unlocked, "mip_roster", unlocked.roster.read_text())


class TestThePillar:
    def test_a_worker_has_its_own_secrets_and_what_its_role_needs(self, unlocked):
        found = pillar_of(unlocked, "wk1")
        assert "_errors" not in found
        assert found["db"] == {"password": SECRETS["wk1"]}
        mip = found["mip"]
        assert mip["node"]["id"] == "wk1"
        assert mip["node"]["role"] == "worker"
        public = unlocked.identity_public.read_text().strip()
        assert mip["identity"] == {**entry_of("wk1").pillar["mip"]["identity"], "public_key": public}

    def test_of_the_others_it_knows_the_master_and_nobodys_secret_or_machine(self, unlocked):
        found = pillar_of(unlocked, "wk1")
        assert list(found["mip"]["peers"]) == ["ms"]
        assert set(found["mip"]["peers"]["ms"]) == {"role", "address", "hostname"}
        others = [node for node in NODES if node != "wk1"]
        secrets = [*KEPT.values(), *(SECRETS[node] for node in others), *(MACHINES[node] for node in others)]
        assert not [secret for secret in secrets if secret in repr(found)]

    def test_the_master_knows_every_node_and_nobodys_secret_or_machine(self, unlocked):
        found = pillar_of(unlocked, "ms")
        assert set(found["mip"]["peers"]) == {"wk1", "wk2"}
        assert found["db"] == {"password": SECRETS["ms"]}
        others = [*KEPT.values(), SECRETS["wk1"], SECRETS["wk2"], MACHINES["wk1"], MACHINES["wk2"]]
        assert not [secret for secret in others if secret in repr(found)]

    @pytest.mark.parametrize("node", ["wk3", "WK1", "wk1*", "*"])
    def test_who_is_no_node_gets_nothing(self, unlocked, node):
        assert pillar_of(unlocked, node) == {}

    def test_an_operators_own_gpg_pillar_is_opened_by_the_vaults_key(self, unlocked):
        who = ["--trust-model", "always", "-e", "-r", "brain@mip-salt.invalid"]
        call = ["gpg", "--homedir", unlocked.gnupg, "--batch", "--armor", *who]
        sealed = subprocess.run(call, input="own s3cret é", capture_output=True, text=True, check=True).stdout
        own = unlocked.own_pillar / "all.sls"
        own.write_text("#!yaml|gpg\nown:\n  plain: yes\n  secret: |\n" + textwrap.indent(sealed, "    "))
        try:
            assert pillar_of(unlocked, "wk1")["own"] == {"plain": True, "secret": "own s3cret é"}
        finally:
            own.unlink()

    def test_an_operators_own_pillar_of_one_node_reaches_that_one(self, unlocked):
        own = unlocked.own_pillar / "wk1.sls"
        own.write_text("own: only wk1\n")
        try:
            assert pillar_of(unlocked, "wk1")["own"] == "only wk1"
            assert "own" not in pillar_of(unlocked, "wk2")
        finally:
            own.unlink()

    def test_locked_it_has_errors_and_no_secret(self, locked):
        found = pillar_of(locked, "wk1")
        assert found["_errors"]
        assert "db" not in found

    @pytest.mark.parametrize("how", ["swapped", "flipped", "missing", "in clear"])
    def test_a_damaged_entry_is_an_error_and_never_a_pillar(self, unlocked, how):
        good = unlocked.entry("wk1").read_text()
        text = {
            "swapped": unlocked.entry("wk2").read_text(),
            "flipped": good[:300] + chr(ord(good[300]) ^ 1) + good[301:],
            "missing": None,
            "in clear": "#!yaml\ndb: {password: forged}\n",
        }[how]
        with changed(unlocked.entry("wk1"), text):
            found = pillar_of(unlocked, "wk1")
        assert found["_errors"]
        assert not [secret for secret in SECRETS.values() if secret in repr(found)]

    @pytest.mark.parametrize("text", ["", "mip: {", "mip: {federation: brain, nodes: {wk1: {role: master}}}\n", None])
    def test_a_broken_federation_file_is_an_error_and_never_an_empty_pillar(self, unlocked, text):
        with changed(unlocked.document, text):
            errors = pillar_of(unlocked, "wk1")["_errors"]
        assert any("mip_federation" in error for error in errors)


def salt_ssh(folder, *words):
    """Raw salt-ssh as an operator runs it, in the federation's folder."""
    program = Path(sys.executable).with_name("salt-ssh")
    call = [program, *words, "--log-file", folder.log / "x"]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder.path.parent), "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        call, cwd=folder.path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def test_raw_salt_ssh_on_a_locked_federation_fails_with_the_advice(locked):
    done = salt_ssh(locked, "*", "test.ping")
    assert done.returncode != 0
    assert "run `mip-salt -f brain vault unlock`" in done.stdout + done.stderr
    assert "No matching targets" not in done.stdout + done.stderr


def test_raw_salt_ssh_on_a_hand_edited_roster_fails_with_the_reason(unlocked):
    row = yaml.safe_dump({"wk9": {"host": "10.9.9.9", "passwd": "hunter2"}})
    with changed(unlocked.roster, unlocked.roster.read_text() + row):
        done = salt_ssh(unlocked, "*", "test.ping")
    assert done.returncode != 0
    assert "roster, wk9: passwd: not allowed" in done.stdout + done.stderr
    assert "hunter2" not in done.stdout + done.stderr
