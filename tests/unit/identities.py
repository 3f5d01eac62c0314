"""``_modules/mip_identity.py``, loaded as plain Python, and a home of our own for it to work in."""

import importlib.util
import os
import pwd
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from mip_salt.data import data_root

SOURCE = data_root() / "_modules" / "mip_identity.py"
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIKkz3qkBqLhQ9kqtpg1KJyWFKsd0cTBHD3ZMxkOyE4Qb"
KEY = f"ssh-ed25519 {BLOB} mip-salt:brain"
LINE = f"restrict {KEY}\n"
FOREIGN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINnq9w82VzY0Be72sTD30g/7F5Q+4X8M79vfvhtAvUQK someone\n"
RULE = "mipadmin ALL=(root) NOPASSWD: ALL\n"


def module():
    spec = importlib.util.spec_from_file_location("mip_identity_under_test", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def home_of_mipadmin(monkeypatch):
    """Make the home of mipadmin. An account of this machine cannot be had for a test, so getpwnam is told of one.

    As root it is another user's (nobody's id), otherwise our own, as the work is done as that user.
    """
    uid, gid = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    folder = Path(tempfile.mkdtemp(prefix="mip-home-"))
    os.chown(folder, uid, gid)
    folder.chmod(0o755)
    account = pwd.struct_passwd(("mipadmin", "x", uid, gid, "", str(folder), "/bin/sh"))
    known = pwd.getpwnam
    monkeypatch.setattr(pwd, "getpwnam", lambda name: account if name == "mipadmin" else known(name))
    yield folder
    shutil.rmtree(folder)


def keys_file(home, text, mode=0o600):
    """Write a user's authorized_keys as the user would."""
    file = home / ".ssh" / "authorized_keys"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    for path in (file.parent, file):
        os.chown(path, home.stat().st_uid, home.stat().st_gid)
    return file
