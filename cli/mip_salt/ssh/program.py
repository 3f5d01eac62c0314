"""Run a program of ours on a node from memory, as root: on the confirmed machine only, while the connection lasts."""

from __future__ import annotations

import json
import shlex
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import compress

from mip_salt.federation.generate import pre_hook

if TYPE_CHECKING:
    from mip_salt.federation.model import Node

NODE = Path(__file__).with_name("node")
# It takes in the names of the program's files, each of them, and its order, each behind its length.
FIRST = """
import json,os,sys,types
def take():
 n,b=8,b""
 while len(b)<n:
  c=os.read(0,n-len(b))
  if not c:os._exit(0)
  b+=c
  if len(b)==n==8:n,b=int(b,16)+9,b+b" "
 return b[9:]
for name in json.loads(take()):
 m=sys.modules["mip_salt.ssh.node."+name]=types.ModuleType(name);exec(compile(take(),name,"exec"),m.__dict__)
m.main(json.loads(take()))
"""


def script_of(node: Node) -> str:
    """Return what sh runs on a node: is it the confirmed machine, then FIRST, as root."""
    # No character in it means anything to a shell. Only the confirmed machine gets as far as to run it.
    packed = b64encode(compress(FIRST.encode(), 9)).decode()
    python = ["python3", "-c", f'import base64,zlib;exec(zlib.decompress(base64.b64decode("{packed}")))']
    become = [] if node.user == "root" else ["sudo", "-n", "--"]
    steps = [pre_hook(node.machine_id, node.hostname)] if node.machine_id and node.hostname else []
    return "; ".join([*steps, "exec env LC_ALL=C.UTF-8 " + shlex.join([*become, *python])])


def sent(names: Sequence[str], order: dict[str, Any]) -> bytes:
    """Return what FIRST takes in: files of node/, of which the last is begun with an order."""
    texts = [(NODE / f"{name}.py").read_bytes() for name in names]
    return b"".join(
        b"%08x" % len(part) + part for part in (json.dumps(list(names)).encode(), *texts, json.dumps(order).encode())
    )
