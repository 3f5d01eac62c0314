"""Apply twice in one session; print the second's kinds of results, and last the seconds it took."""

import sys
import time
from pathlib import Path

from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.remote.run import Session

folder = Folder(Path(sys.argv[1]))
federation = load(folder)
with Session(folder, federation, jobs=federation.settings.jobs) as session:
    for _ in range(2):
        start = time.monotonic()
        kinds = [result.kind for result in session.run(federation.enabled(), "state.apply", deadline=300)]
        took = time.monotonic() - start
sys.stdout.write(f"{' '.join(kinds)} {took:.3f}\n")
