"""Let Salt on every node answer; print each one's kind of result."""

import sys
from pathlib import Path

from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.remote.run import run

folder = Folder(Path(sys.argv[1]))
federation = load(folder)
for result in run(folder, federation, federation.enabled(), "test.ping", deadline=300, jobs=federation.settings.jobs):
    sys.stdout.write(f"{result.kind}\n")
