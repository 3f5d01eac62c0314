"""The pillar that is made once and turned to a node is the one that Salt makes for that node alone."""

import json
import os
from contextlib import suppress

import pytest
from mip_salt.federation.document import load
from mip_salt.federation.generate import refresh
from mip_salt.remote.compile import Compiler
from mip_salt.remote.greeting import minion_options
from mip_salt.remote.master import load as salt_options
from mip_salt.vault import session
from vaults import SECRETS, Answers

# Whatever a pillar may differ by between nodes: by id, by grains, by what Jinja, a matcher or an include asks.
OWN = """
id: {{ opts['id'] }}
asked: {{ grains['os'] }} {{ grains.get('nested', {}).get('deep') }}
by_salt: {{ salt['grains.get']('os') }}
{% if grains['id'] == 'wk1' %}
first: true
{% endif %}
"""
GRAINS = {
    "wk1": {"id": "wk1", "os": "Debian", "nested": {"deep": [1, 2]}},
    "wk2": {"id": "wk2", "os": "Ubuntu"},
    "ms": {"id": "ms", "os": "Debian"},
}


@pytest.fixture
def folder(brain):
    """The federation brain as its pusher finds it, unlocked, with a pillar of the operator's own."""
    refresh(brain, load(brain))
    (brain.own_pillar / "all.sls").write_text(OWN)
    with session.open_session(brain, Answers()):
        yield brain


def in_a_process(job):
    """Return what a job returns in a process that is forked off, as each node's is."""
    out, into = os.pipe()
    if (pid := os.fork()) == 0:
        with suppress(BaseException):
            os.write(into, json.dumps(job(), sort_keys=True).encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as told:
        said = told.read()
    os.waitpid(pid, 0)
    return json.loads(said)


def by_salt(folder, node):
    """Return a node's pillar as Salt makes it for that one."""
    import salt.pillar

    options, client = salt_options(folder)
    opts = {**Compiler(options, client, folder.tmp).minion(node), **options}
    return salt.pillar.Pillar(opts, dict(GRAINS[node]), node, "base").compile_pillar()


def test_each_of_several_nodes_has_its_own(folder):
    compiler = Compiler(*salt_options(folder), folder.tmp)
    turned = {node: in_a_process(lambda node=node: compiler.pillar.of(node, dict(GRAINS[node]))) for node in GRAINS}
    assert turned == {node: in_a_process(lambda node=node: by_salt(folder, node)) for node in GRAINS}
    assert [turned[node]["db"]["password"] for node in ("wk1", "wk2")] == [SECRETS["wk1"], SECRETS["wk2"]]
    assert {node: pillar["asked"].split()[0] for node, pillar in turned.items()} == {
        "wk1": "Debian",
        "wk2": "Ubuntu",
        "ms": "Debian",
    }
    assert ["first" in pillar for pillar in turned.values()] == [True, False, False]


# Every way in which a file of a pillar may tell its own of a node; what they name lies beside them.
KINDS = {
    "yaml": "plain: {list: [1, 2], text: 'a: b'}\nmip: {settings: {jobs: 3}}\n",
    "json": '#!json\n{"plain": {"list": [1, null, true]}}\n',
    "jinja over json": """#!jinja|json
{"id": {{ grains['id'] | json }}, "nested": {{ grains.get('nested') | json }}}
""",
    "python": """#!py
def run():
    return {"id": __opts__["id"], "os": __grains__["os"], "by": __salt__["grains.get"]("os"), "had": sorted(__pillar__)}
""",
    "include": "include:\n  - own.more\n  - own.{{ grains['id'] }}\nhere: 1\n",
    "include of wishes": """
include:
  - own.wished:
      defaults: {wish: {{ grains['os'] }} of {{ opts['id'] }}}
      key: under
""",
    "import": """
{% from 'own/map.jinja' import of with context %}
{% import_yaml 'own/more.sls' as more %}
of: {{ of }}
more: {{ more | json }}
""",
    "matcher": """
first: {{ salt['match.glob']('wk1') }}
grain: {{ salt['match.grain']('os:Debian') }}
either: {{ salt['match.compound']('G@os:Ubuntu or ms') }}
by_id: {{ salt['match.filter_by']({'ms': 'master', 'wk*': 'worker'}, default='other') }}
""",
    "filtered by a grain": "is: {{ salt['grains.filter_by']({'Debian': {'a': 1}}, default='Debian') | json }}\n",
    "pillar of before": "before: {{ pillar.get('mip', {}).get('identity', {}) | json }}\nhad: {{ pillar | length }}\n",
    "wrong on one": "{% if grains['id'] == 'wk2' %}{{ nothing.there }}{% endif %}\nright: true\n",
    "missing include": "include:\n  - own.missing\n",
}
BESIDE = {
    "more.sls": "more: [1, 2, 3]\nid: nobody's\n",
    "wished.sls": "wished: {{ wish }} in {{ saltenv }}\n",
    "map.jinja": "{% set of = grains['os'] ~ ' ' ~ opts['id'] %}\n",
    "wk1.sls": "mine: wk1's\n",
    "wk2.sls": "mine: wk2's\n",
    "ms.sls": "mine: ms's\n",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_each_kind_tells_each_node_what_it_tells_by_salt(folder, kind):
    for name, text in {**BESIDE, "all.sls": KINDS[kind]}.items():
        (folder.own_pillar / name).write_text(text)
    compiler = Compiler(*salt_options(folder), folder.tmp)
    turned = {node: in_a_process(lambda node=node: compiler.pillar.of(node, dict(GRAINS[node]))) for node in GRAINS}
    assert turned == {node: in_a_process(lambda node=node: by_salt(folder, node)) for node in GRAINS}
    wrong = {"wrong on one": ["wk2"], "missing include": list(GRAINS)}.get(kind, [])
    assert [node for node, pillar in turned.items() if "_errors" in pillar] == wrong


def test_what_is_wrong_with_one_is_an_error_of_its_own_alone(folder):
    compiler = Compiler(*salt_options(folder), folder.tmp)
    folder.entry("wk1").write_bytes(folder.entry("wk2").read_bytes())
    turned = {node: in_a_process(lambda node=node: compiler.pillar.of(node, dict(GRAINS[node]))) for node in GRAINS}
    assert ["_errors" in pillar for pillar in turned.values()] == [True, False, False]
    assert SECRETS["wk2"] not in json.dumps(turned["wk1"])


def test_a_nodes_options_are_those_that_salt_makes_for_it(folder):
    import salt.config

    options, client = salt_options(folder)
    options["ssh_minion_opts"] = {**options["ssh_minion_opts"], "append_domain": "example.org"}
    made = Compiler(options, client, folder.tmp).minion("wk1")
    config = folder.tmp / "own"
    config.write_text(json.dumps({**minion_options(options, "wk1"), "root_dir": "/var/lib/mip-salt/var"}))
    theirs = dict(salt.config.minion_config(str(config)))
    assert made["id"] == "wk1.example.org"
    differing = {name for name, value in theirs.items() if made.get(name) != value}
    assert differing <= {
        "file_roots",
        "pillar_roots",
        "ext_pillar",
        "extension_modules",
        "module_dirs",
        "file_client",
        "__cli",
        "conf_file",
        "thin_dir",
        "config_dir",
        "default_include",
        "include",
    }
