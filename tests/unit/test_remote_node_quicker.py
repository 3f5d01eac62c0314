"""What Salt is spared to do again comes to what it comes to when Salt does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MODULE = "def here():\n    return True\n"
LOADERS = """
import sys
import salt.config, salt.loader
from mip_salt.remote.node.quicker import make_quicker
if sys.argv[1] == "quicker":
    make_quicker()
    make_quicker()
opts = salt.config.minion_config(None)
opts["extension_modules"] = sys.argv[2]
opts["disable_modules"] = ["test"]
"""


def run(program: str, *words: str) -> str:
    """Return what a program of Python prints."""
    call = [sys.executable, "-W", "ignore", "-c", LOADERS + program, *words]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout


def extension(folder: Path, name: str = "mine") -> str:
    (folder / "modules").mkdir(exist_ok=True)
    (folder / "modules" / f"{name}.py").write_text(MODULE)
    return str(folder)


def test_every_loader_knows_the_files_that_it_knows_otherwise(tmp_path):
    program = """
utils = salt.loader.utils(opts)
modules = salt.loader.minion_mods(opts, utils=utils)
for loader in (utils, modules, salt.loader.minion_mods(opts, utils=utils), salt.loader.matchers(opts)):
    print(loader.tag, list(loader.file_mapping.items()), loader.suffix_map, loader.suffix_order)
assert "mine" in modules.file_mapping and "test" not in modules.file_mapping
"""
    place = extension(tmp_path)
    assert run(program, "quicker", place) == run(program, "as it is", place)


def test_a_module_that_comes_to_the_extensions_is_found_by_the_next_loader(tmp_path):
    program = """
import pathlib
print("mine.here" in salt.loader.minion_mods(opts), "late.here" in salt.loader.minion_mods(opts))
pathlib.Path(sys.argv[2], "modules", "late.py").write_text("def here():\\n    return True\\n")
print("mine.here" in salt.loader.minion_mods(opts), "late.here" in salt.loader.minion_mods(opts))
"""
    assert run(program, "quicker", extension(tmp_path)).split() == ["True", "False", "True", "True"]


def test_what_one_loader_leaves_out_another_still_has(tmp_path):
    program = """
first = salt.loader.minion_mods(opts)
first.file_mapping.clear()
first.suffix_order.clear()
print("mine.here" in salt.loader.minion_mods(opts))
opts["disable_modules"] = ["mine"]
print("mine.here" in salt.loader.minion_mods(opts), "test.ping" in salt.loader.minion_mods(opts))
"""
    assert run(program, "quicker", extension(tmp_path)).split() == ["True", "False", "True"]


def test_options_are_empty_when_nothing_is_left_in_them(tmp_path):
    program = """
from salt.utils.optsdict import OptsDict
root = OptsDict.from_dict({"a": 1})
child = OptsDict.from_parent(root)
print(bool(root), bool(child), bool(OptsDict.from_dict({})), bool(OptsDict.from_parent(OptsDict.from_dict({}))))
del child["a"]
print(bool(child), bool(root))
"""
    said = ["True", "True", "False", "False", "False", "True"]
    assert [run(program, how, str(tmp_path)).split() for how in ("quicker", "as it is")] == [said, said]


def test_a_nodes_interfaces_are_looked_up_once_for_all_its_grains(tmp_path):
    program = """
import subprocess
from mip_salt.remote.node.quicker import interfaces_once
asked, popen = [], subprocess.Popen.__init__
def counted(self, words, *args, **more):
    asked.append(words)
    popen(self, words, *args, **more)
subprocess.Popen.__init__ = counted
names = ["ip4_interfaces", "ip6_interfaces", "hwaddr_interfaces", "ipv4", "ipv6", "ip_interfaces"]
def made():
    asked.clear()
    grains = salt.loader.grains(opts, force_refresh=True)
    return {name: grains.get(name) for name in names}, [words for words in asked if words[-2:] == ["addr", "show"]]
plain, often = made()
with interfaces_once():
    once, seldom = made()
after, again = made()
print(plain == once == after, len(often) == len(again), len(seldom) < max(len(often), 2))
"""
    assert run(program, "quicker", extension(tmp_path)).split() == ["True", "True", "True"]
