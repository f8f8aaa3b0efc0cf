"""A sync in a process of its own, to be killed: says ``go`` once the workspace is open, then works in small steps."""

import sys
from pathlib import Path

from pipelines import landing
from pipelines.site import Site
from tests.integration.workspaces import plain_sync

if __name__ == "__main__":
    landing.BATCH, landing.SMALL = 100, 0  # many transactions, and worker processes from the first batch on
    with Site.open(Path(sys.argv[1])) as site:
        sys.stdout.write("go\n")
        sys.stdout.flush()
        plain_sync(site, workers=int(sys.argv[2]))
