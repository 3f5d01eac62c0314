"""The first program on a node, 1 kB on ssh's command line: it takes in what is missing, and starts the runner."""

from __future__ import annotations

import base64
import shlex
import zlib
from typing import TYPE_CHECKING

from mip_salt.federation.generate import pre_hook
from mip_salt.remote.frames import GO, MARK

if TYPE_CHECKING:
    from mip_salt.federation.model import Node

# Python 3.8, and nothing but its standard library. Standard output is for frames alone: what states print there goes
# to standard error. The thin is unpacked beside its place and renamed, so a folder that is there is whole.
FIRST = """
import hashlib,io,json,os,shutil,stat,sys,tarfile
O=os.fdopen(os.dup(1),"wb");os.dup2(2,1);U=os.umask(63)
def send(k,d):
 b=json.dumps(d,default=str).encode();O.write(MARK+k.encode()+b"%08x"%len(b)+b);O.flush()
def take(n):
 b=bytearray()
 while len(b)<n:
  p=os.read(0,min(n-len(b),1<<20))
  if not p:raise EOFError
  b+=p
 return bytes(b)
def receive():
 h=take(9);return h[:1].decode(),take(int(h[1:],16))
try:
 send("u",{});w=b""
 while not w.endswith(GO):w=w[-9:]+take(1)
 c=json.loads(receive()[1]);M=receive()[1];H=c["home"];os.makedirs(H,448,exist_ok=True);s=os.lstat(H)
 if not stat.S_ISDIR(s.st_mode) or s.st_uid or s.st_mode&63:raise OSError(H+" is not root's alone")
 D=c["thin"];T=H+"/"+D;m=not os.path.isdir(T);send("h",{"python":list(sys.version_info[:3]),"missing":m})
 if m:
  b=receive()[1];t=H+"/.new-%d"%os.getpid()
  if hashlib.sha256(b).hexdigest()!=D:raise OSError("what was sent came damaged")
  try:
   tarfile.open(fileobj=io.BytesIO(b)).extractall(t);os.sync()
   if not os.path.isdir(T):os.rename(t,T)
  finally:shutil.rmtree(t,1)
 sys.path[:0]=[T];from mip_salt.remote.node.runner import serve
except EOFError:os._exit(0)
except OSError as e:send("f",{"why":str(e)});os._exit(1)
serve(dict(c,umask=U),M,send,receive)
"""

# Sudo prints it to standard error when it wants a password: a second time if the first was wrong.
PROMPT = "mip-salt:sudo?"


def remote_command(node: Node, *, password: bool = False) -> str:
    """Return what ssh runs on a node: is it the confirmed machine, then the first program as root.

    password
        Sudo takes a password from standard input, once a frame ``S`` says that the machine is the confirmed one. It is
        remembered for nobody.
    """
    program = FIRST.strip().replace("MARK", repr(MARK)).replace("GO", repr(GO))
    # No character in it means anything to a shell.
    packed = base64.b64encode(zlib.compress(program.encode(), 9)).decode()
    python = ["python3", "-c", f'import base64,zlib;exec(zlib.decompress(base64.b64decode("{packed}")))']
    steps = [pre_hook(node.machine_id, node.hostname)] if node.machine_id and node.hostname else []
    if node.user == "root":
        become = []
    elif password:
        steps.append(r"printf '\001mipS00000002{}'")
        become = ["sudo", "-k", "-S", "-p", PROMPT, "--"]
    else:
        become = ["sudo", "-n", "--"]
    # What Python and sudo print is read in English, and a node's paths may hold any character.
    steps.append("exec env LC_ALL=C.UTF-8 LANGUAGE= " + shlex.join([*become, *python]))
    return shlex.join(["exec", "sh", "-c", "; ".join(steps)])
