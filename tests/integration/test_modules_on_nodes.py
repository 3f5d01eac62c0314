"""Our execution modules and states on real nodes, under stock salt-ssh in the federation's folder.

Each run asks both nodes at once: a stock highstate takes four seconds.
"""

import json

import pytest

pytestmark = pytest.mark.lab
NODES = ["wk1", "wk2"]
KEYS = "~mipadmin/.ssh/authorized_keys"
RULE = "/etc/sudoers.d/mip-salt"
VERIFIED, PRESENT = "mip-host-verified", "mip-identity-present"


def asked(federation, *words):
    """Return each node's answer to raw salt-ssh, and salt-ssh's exit code."""
    done = federation.salt_ssh("-L", ",".join(NODES), *words, "--out=json", "--static", "--no-color")
    return json.loads(done.stdout), done.returncode


def applied(federation, *words):
    """Return what each state of each node's highstate did, in order and by id, and salt-ssh's exit code."""
    answers, code = asked(federation, "state.apply", *words)
    assert set(answers) == set(NODES)
    for name, states in answers.items():
        ordered = sorted(states.values(), key=lambda state: state["__run_num__"])
        answers[name] = {state["__id__"]: state for state in ordered}
    return answers, code


def files_of(node):
    """Return what the identity consists of on a node: texts, modes and owners."""
    return node.run(f"cat {KEYS} {RULE}; stat -c '%a %U:%G %n' {KEYS} {RULE} ~mipadmin/.ssh; ls -A /etc/sudoers.d")


def add_a_second_copy(node):
    """Add the identity's key again, with other options and behind the first, so that logging in goes on."""
    node.run(f"line=$(grep -m1 mip-salt: {KEYS}); printf 'no-pty %s\\n' \"${{line#restrict,pty }}\" >> {KEYS}")


@pytest.fixture(autouse=True, scope="module")
def unlocked(federation):
    federation.cli("vault", "unlock")
    yield
    federation.cli("vault", "lock")


@pytest.fixture
def nodes(lab, federation):
    """Both nodes, as the federation wants them."""
    assert applied(federation)[1] == 0
    return {name: lab.node(name) for name in NODES}


def test_facts_are_what_each_node_itself_says(lab, federation):
    answers, code = asked(federation, "mip_host.facts")
    assert code == 0
    for name in NODES:
        facts, node = answers[name], lab.node(name)
        assert facts["hostname"] == node.run("uname -n").strip() == node.hostname
        assert facts["machine_id"] == node.run("cat /etc/machine-id").strip()
        assert facts["host_keys"]["ssh-ed25519"] in node.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
        assert f'PRETTY_NAME="{facts["os"]}"' in node.run("cat /etc/os-release")


def test_a_trial_changes_nothing_the_first_run_mends_and_the_second_finds_nothing_to_do(nodes, federation):
    sound = {name: files_of(node) for name, node in nodes.items()}
    for node in nodes.values():
        add_a_second_copy(node)
    damaged = {name: files_of(node) for name, node in nodes.items()}

    trial, code = applied(federation, "test=True")
    assert code == 0
    assert [trial[name][PRESENT]["result"] for name in NODES] == [None, None]
    assert {name: files_of(node) for name, node in nodes.items()} == damaged != sound

    first, code = applied(federation)
    assert code == 0
    for name in NODES:
        assert next(iter(first[name])) == VERIFIED
        assert first[name][PRESENT]["changes"] == trial[name][PRESENT]["changes"]
        assert first[name][PRESENT]["changes"]["authorized_keys"]["old"] == "duplicates: restrict,pty; no-pty"
    assert {name: files_of(node) for name, node in nodes.items()} == sound

    second, code = applied(federation)
    assert code == 0
    done = [(state["result"], state["changes"]) for states in second.values() for state in states.values()]
    assert done == [(True, {})] * len(done)


def test_on_another_machine_nothing_but_the_refusal_happens(nodes, federation):
    for node in nodes.values():
        add_a_second_copy(node)
    damaged = {name: files_of(node) for name, node in nodes.items()}
    other = json.dumps({"mip": {"identity": {"machine_id": "0" * 32}}})
    refused, code = applied(federation, f"pillar={other}")
    assert code != 0
    for states in refused.values():
        assert list(states) == [VERIFIED]
        assert states[VERIFIED]["result"] is False
        assert "This is not the confirmed machine: its machine-id is" in states[VERIFIED]["comment"]
    assert {name: files_of(node) for name, node in nodes.items()} == damaged


def test_the_sudo_rule_is_one_that_visudo_and_sudo_take(nodes, federation):
    for node in nodes.values():
        node.run(f"chmod 640 {RULE}")
    states, code = applied(federation)
    assert code == 0
    for name, node in nodes.items():
        assert set(states[name][PRESENT]["changes"]) == {"sudo"}
        assert node.run(f"stat -c '%a %U:%G' {RULE}").strip() == "440 root:root"
        assert node.run(f"visudo -cf {RULE}").strip() == f"{RULE}: parsed OK"
        assert node.run("su mipadmin -c 'sudo -kn id -un'").strip() == "root"


def test_what_is_broken_elsewhere_in_sudoers_is_not_held_against_the_rule(nodes, federation):
    for node in nodes.values():
        node.run(f"echo '(broken' > /etc/sudoers.d/theirs; chmod 640 {RULE}")
    states, code = applied(federation)
    for node in nodes.values():
        node.run("rm /etc/sudoers.d/theirs")
    assert code == 0
    assert all(set(states[name][PRESENT]["changes"]) == {"sudo"} for name in NODES)


def test_a_users_symlink_leads_root_nowhere(nodes, federation):
    shadow = "sha256sum /etc/shadow; stat -c '%a %U:%G' /etc/shadow"
    for node in nodes.values():
        node.run("useradd -m mipother; mkdir ~mipother/.ssh; ln -s /etc/shadow ~mipother/.ssh/authorized_keys")
        node.run("chown -hR mipother: ~mipother/.ssh")
    before = {name: node.run(shadow) for name, node in nodes.items()}
    key = nodes["wk1"].run(f"grep -m1 mip-salt: {KEYS}").strip().removeprefix("restrict,pty ")
    answers, code = asked(federation, "mip_identity.add", "mipother", key)
    after = {name: node.run(shadow) for name, node in nodes.items()}
    for node in nodes.values():
        node.run("userdel -r mipother 2>&1")
    assert code != 0
    assert all("/etc/shadow: not permitted" in answers[name]["stderr"] for name in NODES)
    assert after == before
