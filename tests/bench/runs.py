"""One sync in a process of its own, as the command line does it; starting the process is told apart from the run."""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """What one sync cost and did."""

    start: float
    """Seconds until the run could begin: interpreter, modules, keys, migrations."""
    seconds: float
    cpu: float
    """Seconds of all processes of the run, its start left out."""
    delivered: int
    changed: int
    """Records accepted and not as they were."""
    exit_code: int
    stages: dict[str, float]


def run_sync(workspace: Path) -> Run:
    """Sync a workspace once in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.bench.runs", str(workspace), str(time.time())]
    done = subprocess.run(command, capture_output=True, check=False, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(workspace: Path, begun: float) -> None:
    import dagster  # noqa: F401 - loading it belongs to the start
    import splink  # noqa: F401 - the same

    import pipelines.materialise  # noqa: F401 - the same
    from pipelines.site import Site
    from pipelines.sync import sync

    with Site.open(workspace) as site:
        ready, used = time.time(), _cpu()
        report = sync(site)
        seconds, used = time.time() - ready, _cpu() - used
    stages = {stage.name: round(stage.seconds, 3) for stage in report.stages}
    changed = report.accepted - report.unchanged
    run = Run(ready - begun, seconds, used, report.delivered, changed, report.exit_code, stages)
    sys.stdout.write(json.dumps(asdict(run)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
