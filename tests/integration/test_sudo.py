"""An operator calls sudo: real users and the real sudo, on this machine as a mount namespace of its own sees it.

There it has two users more, an empty /opt, and a /usr/local/bin whose changes vanish with it. Nothing is left here.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from integration.conftest import refuse
from mip_salt.data import data_root
from upstreams import make_upstreams
from wheelhouse import wheelhouse

USERS = {"operator": 42001, "other": 42002}
# The programs that the operator calls are the test's own, but not through a folder that root keeps to himself.
PROGRAMS = (Path(sys.base_prefix), data_root(), Path(sys.prefix))
COMMAND = Path(sys.prefix) / "bin" / "mip-salt"
AS = """
operator() { as operator "$@"; }
other() { as other "$@"; }
as() {
  user=$1; shift
  setpriv --reuid "$user" --regid "$user" --clear-groups env -i LANG=C.UTF-8 HOME="/home/$user" USER="$user" \\
    PATH=/usr/local/bin:/usr/bin:/bin MIP_SALT_WHEELHOUSE=/mnt/wheels "$@" </dev/null
}
"""


def prepared(upstreams):
    """Return the commands that make this machine another one, in a mount namespace of its own."""
    closed = {path: next((p for p in reversed(path.parents) if not p.stat().st_mode & 1), None) for path in PROGRAMS}
    lines = ["mount -t tmpfs -o mode=755 none /mnt", "cp -a /etc/passwd /etc/group /etc/shadow /mnt"]
    for name, number in USERS.items():
        lines += [
            f"echo {name}:x:{number}:{number}::/home/{name}:/bin/bash >> /mnt/passwd",
            f"echo {name}:x:{number}: >> /mnt/group",
            f"echo '{name}:!:20000:0:99999:7:::' >> /mnt/shadow",
        ]
    lines += [
        *(f"mount --bind /mnt/{name} /etc/{name}" for name in ("passwd", "group", "shadow")),
        "mkdir -m 750 /mnt/sudoers.d && mount --bind /mnt/sudoers.d /etc/sudoers.d",
        "echo 'operator ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/operator && chmod 440 /etc/sudoers.d/operator",
        "mkdir /mnt/bin /mnt/work",
        "mount -t overlay -o lowerdir=/usr/local/bin,upperdir=/mnt/bin,workdir=/mnt/work none /usr/local/bin",
        "rm -f /usr/local/bin/mip-salt /usr/local/bin/salt-ssh",
        "mount -t tmpfs -o mode=755 none /opt && mount -t tmpfs -o mode=755 none /home",
    ]
    lines += [f"cp -r {shlex.quote(str(wheelhouse()))} /mnt/wheels && chmod -R a+rX /mnt/wheels"]
    lines += [f"install -d -m 700 -o {name} -g {name} /home/{name}" for name in USERS]
    for i, (path, lid) in enumerate(closed.items()):
        lines += [f"mkdir /mnt/{i} && mount --rbind {shlex.quote(str(path))} /mnt/{i}"] if lid else []
    lines += [f"mount -t tmpfs -o mode=755 none {shlex.quote(str(lid))}" for lid in {*closed.values()} - {None}]
    for i, (path, lid) in enumerate(closed.items()):
        place = shlex.quote(str(path))
        lines += [f"mkdir -p {place} && mount --rbind /mnt/{i} {place}"] if lid else []
    # git takes no repository that is another user's.
    for name, one in zip(("mip", "exareme"), upstreams, strict=True):
        lines += [f"cp -r {shlex.quote(str(one.path))} /home/{user}/{name}" for user in USERS]
    lines += [f"chown -R {user}: /home/{user}" for user in USERS]
    return "\n".join([*lines, AS, ""])


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Give how to run a script of bash on such a machine; what it prints is returned, and it must end well."""
    for need in ("sudo", "unshare", "setpriv"):
        if os.geteuid() != 0 or not shutil.which(need):
            refuse(f"users are made by root, and {need} is needed: apt-get install sudo util-linux")
    setup = prepared(make_upstreams(tmp_path_factory.mktemp("sources")))

    def run(script):
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "bash", "-euc", setup + script],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


INSTALL = f"""
operator sudo MIP_SALT_WHEELHOUSE=/mnt/wheels {shlex.quote(str(COMMAND))} -f brain --yes install --version 7.0.0 \\
  --mip-source ~operator/mip --exareme-source ~operator/exareme
"""


def test_who_calls_sudo_owns_what_he_begins_and_works_on_without_it(machine):
    said = machine(f"""
{INSTALL}
echo "owners: $(find /opt/brain /opt/mip-salt.backups/brain -printf '%u\\n' | sort -u)"
echo "modes: $(stat -c '%a %U' /opt /opt/brain /opt/mip-salt.backups | tr '\\n' ' ')"
operator mip-salt -f brain install --yes --mip-source ~operator/mip --exareme-source ~operator/exareme
operator mip-salt -f brain install --rollback
operator mip-salt -f brain version check --offline
operator mip-salt -f brain backup
tail -1 /opt/brain/log/journal
""")
    assert "owners: operator\n" in said
    assert "modes: 755 root 700 operator 755 root" in said
    assert "brain has MIP 7.1.0 with exareme 24.5.1; before it was MIP 7.0.0" in said
    assert "brain is kept in /opt/mip-salt.backups/brain/" in said
    assert '"who": "operator"' in said


def test_root_works_in_anothers_federation_as_its_owner(machine):
    said = machine(f"""
{INSTALL}
operator sudo mip-salt -f brain --yes install --mip-source ~operator/mip --exareme-source ~operator/exareme
mip-salt -f brain backup
echo "owners: $(find /opt/brain /opt/mip-salt.backups/brain -printf '%u\\n' | sort -u)"
""")
    assert "before it was MIP 7.0.0" in said
    assert "owners: operator\n" in said


def test_the_commands_are_there_for_every_user_and_the_federation_for_its_owner_alone(machine):
    said = machine(f"""
{INSTALL}
ls -l /usr/local/bin/mip-salt /usr/local/bin/salt-ssh
other mip-salt --version
other mip-salt -f brain version show && exit 1 || echo "other ends with $?"
""")
    assert f"/usr/local/bin/mip-salt -> {COMMAND}" in said
    assert f"/usr/local/bin/salt-ssh -> {COMMAND.with_name('salt-ssh')}" in said
    assert "mip-salt is there for every user" in " ".join(said.split())
    assert "/opt/brain belongs to another user" in said
    assert "other ends with 6" in said


def test_two_operators_have_a_federation_each_and_meet_only_their_own(machine):
    said = machine(f"""
{INSTALL}
install -d -m 700 -o other -g other /opt/mind
other mip-salt -f mind --yes install --mip-source ~other/mip --exareme-source ~other/exareme
cd /root
other mip-salt federation list
echo "other means $(other mip-salt version show --json)"
echo "operator means $(operator mip-salt version show --json)"
other mip-salt -f brain install && exit 1 || echo "other ends with $?"
""")
    assert '"federation": "mind"' in said.partition("other means")[2].partition("operator means")[0]
    assert '"federation": "brain"' in said.partition("operator means")[2]
    assert "/opt/brain belongs to another user" in said
    assert "other ends with 6" in said


def test_a_federation_that_sudo_restores_is_the_callers(machine):
    said = machine(f"""
{INSTALL}
operator mip-salt -f brain backup ~operator/brain.tar.gz
operator mip-salt -f brain --yes uninstall
operator sudo mip-salt restore ~operator/brain.tar.gz
echo "owners: $(find /opt/brain -printf '%u\\n' | sort -u)"
operator mip-salt -f brain doctor --json | grep -c permissions
""")
    assert "owners: operator\n" in said


def test_with_a_root_of_ones_own_no_root_is_needed_and_nothing_is_linked(machine):
    said = machine(f"""
operator {shlex.quote(str(COMMAND))} --root ~operator/federations -f brain install --yes \\
  --mip-source ~operator/mip --exareme-source ~operator/exareme
echo "links: $(ls /usr/local/bin | grep -c mip-salt || true), in /opt: $(ls /opt | wc -l)"
""")
    assert "brain has MIP 7.1.0" in said
    assert "links: 0, in /opt: 0" in said
