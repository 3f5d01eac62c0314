"""Apply twice in one process; print the second's kinds of results, and last the seconds it took."""

import sys
import time
from pathlib import Path

from mip_salt.federation.document import load
from mip_salt.federation.folder import Folder
from mip_salt.remote.run import run

folder = Folder(Path(sys.argv[1]))
federation = load(folder)
for _ in range(2):
    start = time.monotonic()
    chosen, jobs = federation.enabled(), federation.settings.jobs
    kinds = [result.kind for result in run(folder, federation, chosen, "state.apply", deadline=300, jobs=jobs)]
    took = time.monotonic() - start
sys.stdout.write(f"{' '.join(kinds)} {took:.3f}\n")
