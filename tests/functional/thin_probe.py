"""Run in a Python of its own, 3.8 or later: start Salt from a thin, as a node does; tell in JSON what came of it."""

import json
import os
import pathlib
import sys
import sysconfig

THIN, OWN = sys.argv[1:]
sys.path.insert(0, THIN)

import salt.config  # noqa: E402
import salt.loader  # noqa: E402
import salt.state  # noqa: E402

FILE = OWN + "/file"


def state(kind, function, **more):
    return {"state": kind, "fun": function, "__id__": kind, "__sls__": "probe", "__env__": "base", "order": 1, **more}


def run(opts, *chunks):
    states = salt.state.State(opts, initial_pillar={})
    ordered, errors = states.order_chunks(list(chunks))
    assert not errors, errors
    done = states.call_listen(ordered, states.call_chunks(ordered))
    return {tag.split("_|-")[0]: row for tag, row in done.items()}


with open(OWN + "/minion", "w") as file:
    json.dump({"id": "wk1", "root_dir": OWN, "file_client": "local", "log_level": "quiet"}, file)
opts = salt.config.minion_config(OWN + "/minion")
opts.update(file_client="local", grains=salt.loader.grains(opts))
functions = salt.loader.minion_mods(opts, utils=salt.loader.utils(opts))
modules = sorted({name.split(".")[0] for name in functions})

template = "of {{ 6 * 7 }}\n"
real = run(
    opts,
    state("file", "managed", name=FILE, contents=template, template="jinja"),
    state("cmd", "run", name="true"),
)
opts["test"] = True
tested = run(
    opts,
    state("user", "present", name="mipprobe"),
    state("pkg", "installed", name="mip-no-such-package"),
    state("file", "managed", name=FILE + "2", contents="x"),
)

standard = [THIN + "/", *(os.path.realpath(sysconfig.get_path(name)) + "/" for name in ("stdlib", "platstdlib"))]
files = {
    name: os.path.realpath(module.__file__)
    for name, module in list(sys.modules.items())
    if getattr(module, "__file__", None) and name not in ("__main__", "__mp_main__")
}
sys.stdout.write(
    json.dumps(
        {
            "modules": modules,
            "version": functions["test.version"](),
            "grains": {name: opts["grains"][name] for name in ("kernel", "os_family")},
            "states": {name: [row["result"], bool(row["changes"])] for name, row in real.items()},
            "written": pathlib.Path(FILE).read_text(),
            "tested": {name: row["result"] for name, row in tested.items()},
            "was there": os.path.exists(FILE + "2"),
            "elsewhere": sorted(n for n, f in files.items() if not f.startswith(tuple(standard))),
            "compiled": sorted(n for n, f in files.items() if f.startswith(THIN + "/") and not f.endswith(".py")),
        }
    )
)
