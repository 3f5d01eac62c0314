"""Raw salt-ssh and our connection, side by side on one tree: the same low state, the same results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mip_salt.remote.run import run

pytestmark = pytest.mark.lab

NODE = "wk1"
TREE = {
    "top.sls": "base:\n  '*': [contract, contract.more]\n",
    "contract/init.sls": """
include: [contract.more]
file:
  file.managed:
    - name: /tmp/contract-a
    - source: salt://contract/a.jinja
    - template: jinja
    - context: {who: {{ salt['grains.get']('id') | json }}}
    - mode: '0640'
    - watch_in: [cmd: told]
asked:
  test.configurable_test_state:
    - name: {{ salt['cmd.run']('uname -s') | json }}
    - changes: false
    - result: true
    - comment: {{ salt['pillar.get']('mip:node:role') | json }}
told:
  cmd.wait: [{name: 'echo told'}]
listened:
  test.succeed_without_changes:
    - listen: [file: file]
masked:
  cmd.run: [{name: 'test "$(umask)" = 0022'}]
before:
  test.succeed_with_changes:
    - prereq: [test: changes]
changes:
  test.succeed_with_changes: []
""",
    "contract/more.sls": """
fails:
  test.fail_without_changes: []
needs:
  test.nop:
    - require: [test: fails]
onfail:
  test.succeed_with_changes:
    - onfail: [test: fails]
many:
  test.nop:
    - names:
      - one
      - two:
        - order: last
""",
    "contract/a.jinja": "{{ who }} {{ pillar['mip']['node']['role'] }} {{ grains['os'] }}\n",
}


@pytest.fixture(scope="module")
def fed(federation: Any) -> Iterator[Any]:
    """Give a federation with a tree of states of its own, its vault open."""
    federation.cli("vault", "unlock")
    paths = {federation.folder.states / name: text for name, text in TREE.items()}
    for path, text in paths.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    yield federation
    for path in paths:
        path.unlink()
    (federation.folder.states / "contract").rmdir()
    federation.cli("vault", "lock")


def by_salt_ssh(fed: Any, function: str, *args: str) -> Any:
    done = fed.salt_ssh(NODE, function, *args, "--out=json", "--static")
    return json.loads(done.stdout)[NODE]


def ours(fed: Any, function: str, *args: Any, **kwargs: Any) -> Any:
    (result,) = run(fed.folder, fed.federation, [NODE], function, args, kwargs, deadline=60, jobs=1)
    assert result.data, result.error
    return result.data


def test_the_low_state_is_the_same(fed):
    assert ours(fed, "state.show_lowstate") == by_salt_ssh(fed, "state.show_lowstate")


@pytest.mark.parametrize("function", ["pillar.items", "grains.items"])
def test_pillar_and_grains_are_the_same(fed, function):
    mine, theirs = ours(fed, function), by_salt_ssh(fed, function)
    # Of a Salt in another folder and another process; the order of addresses is nobody's.
    moving = ("cwd", "pid", "pythonpath", "pythonexecutable", "saltpath", "fqdn_ip4", "fqdn_ip6")
    assert {k: v for k, v in mine.items() if k not in moving} == {k: v for k, v in theirs.items() if k not in moving}


@pytest.mark.parametrize(
    ("names", "test"), [([], True), ([], False), (["contract.more"], False)], ids=["trial", "highstate", "sls"]
)
def test_states_end_the_same(fed, lab, names, test):
    rows = []
    for ask in (ours_rows, by_salt_ssh_rows):
        lab.node(NODE).run("rm -f /tmp/contract-a")
        rows.append(ask(fed, names, test))
    assert rows[0] == rows[1]
    assert rows[0]


def ours_rows(fed: Any, names: list[str], test: bool) -> Any:
    found = ours(fed, "state.apply", *names, test=test)
    return [(row.id, row.name, row.function, row.result, row.comment, row.changes) for row in found.rows]


def by_salt_ssh_rows(fed: Any, names: list[str], test: bool) -> Any:
    from mip_salt.remote.states import state_run

    found = state_run(by_salt_ssh(fed, "state.apply", *names, f"test={test}"))
    assert found
    return [(row.id, row.name, row.function, row.result, row.comment, row.changes) for row in found.rows]
