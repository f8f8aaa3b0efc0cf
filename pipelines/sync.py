"""A run from the command line: the Dagster assets materialised in this process, under the workspace's lease."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pipelines.runs import Lease, begin_run, close_dead_runs, finish_run, held_lease, new_run_id
from pipelines.site import Site
from pipelines.stages import Clock, Progress
from pipelines.work import SyncReport, Work

__all__ = ["SyncReport", "publish", "run_work", "sync"]


def sync(
    site: Site,
    *,
    sources: Collection[str] = (),
    accept_removals: int = 0,
    by: str = "",
    progress: Progress | None = None,
    workers: int | None = None,
) -> SyncReport:
    """Pull what is new, link, publish. ``sources`` narrows what is pulled; linking and publishing are whole.

    ``accept_removals``: so many disappearances are right, this once; it is logged with ``by`` (a worker id).
    Raises LeaseHeld while another run is at work, ConfigurationError where a source file is wrong.
    """
    with held_lease(site.engine) as lease:
        return run_work(
            site, "sync", lease, progress, chosen=sources, accept_removals=accept_removals, by=by, workers=workers
        )


def publish(site: Site, *, progress: Progress | None = None) -> SyncReport:
    """Link and publish what is stored, without asking any source."""
    with held_lease(site.engine) as lease:
        return run_work(site, "publish", lease, progress, pull=False)


def run_work(
    site: Site,
    kind: str,
    lease: Lease,
    progress: Progress | None,
    *,
    pull: bool = True,
    chosen: Collection[str] = (),
    accept_removals: int = 0,
    by: str = "",
    workers: int | None = None,
) -> SyncReport:
    """Do one run under a held lease, with its row in the run ledger and its entry in the log."""
    from pipelines.materialise import materialise

    close_dead_runs(site.engine)
    run_id = new_run_id()
    clock = Clock(progress)
    work = Work(
        site, clock, run_id, lease=lease, chosen=chosen, accept_removals=accept_removals, by=by, workers=workers
    )
    begin_run(site.engine, kind, run_id)
    with _closing(site, kind, run_id, work), work.workers:
        work.register_sources()
        materialise(work, pull=pull)
        work.finish()
    clock.rest("run")
    return work.report


@contextmanager
def _closing(site: Site, kind: str, run_id: str, work: Work) -> Iterator[None]:
    """Close the run in the ledger whatever happened, and sequence the log."""
    try:
        yield
    except BaseException:
        finish_run(site.engine, kind, run_id, "failed", work.report.counts(), work.proof())
        site.sequencer().run()
        raise
    finish_run(site.engine, kind, run_id, work.report.status, work.report.counts(), work.proof())
    site.sequencer().run()
