"""What `musubi dagster` loads: assets, checks, the nightly schedule, the drop-folder sensor.

The workspace comes from ``MUSUBI_WORKSPACE``. A run that Dagster starts holds the same lease and stands in the same
run ledger as one from the command line; where another run is at work it fails and is tried again.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import dagster as dg

from pipelines.assets import DELIVERIES, LATER, RETRY, counts, households, landing, persons, views
from pipelines.checks import CHECKS
from pipelines.runs import begin_run, close_dead_runs, finish_run, held_lease, new_run_id
from pipelines.site import Site
from pipelines.stages import Clock
from pipelines.work import Work
from schemas.errors import ConfigurationError
from schemas.workspace import Workspace

WORKSPACE = "MUSUBI_WORKSPACE"
TIMEZONE = "Asia/Tokyo"
SENSOR_SECONDS = 60
RETRIES = {"dagster/max_retries": "3"}
"""A run that found the workspace leased is started again."""


def workspace_root() -> Path:
    """Give the workspace the environment names."""
    if not os.environ.get(WORKSPACE):
        raise ConfigurationError(f"{WORKSPACE} is not set; start Dagster with `musubi dagster`")
    return Path(os.environ[WORKSPACE])


@dg.resource
def work_resource(_context: dg.InitResourceContext) -> Iterator[Work]:
    """Open the workspace for one Dagster run, under the lease, with its row in the run ledger."""
    with Site.open(workspace_root()) as site, held_lease(site.engine) as lease:
        close_dead_runs(site.engine)
        run_id = new_run_id()
        work = Work(site, Clock(), run_id, lease=lease)
        begin_run(site.engine, "dagster", run_id)
        work.register_sources()
        try:
            with work.workers:
                yield work
            work.finish()
        finally:
            status = "failed" if work.failure else work.report.status
            finish_run(site.engine, "dagster", run_id, status, work.report.counts(), work.proof())
            site.sequencer().run()


land_job = dg.define_asset_job("land", selection=[landing], tags=RETRIES)
apply_job = dg.define_asset_job(
    "apply", selection=dg.AssetSelection.assets(*LATER) | dg.AssetSelection.all_asset_checks(), tags=RETRIES
)


@dg.op(retry_policy=RETRY)
def sync(context: dg.OpExecutionContext, work: dg.ResourceParam[Work]) -> None:
    """Do what `musubi sync` does in one run, and tell Dagster of every asset that came out of it."""
    for key in work.look():
        context.instance.add_dynamic_partitions(str(DELIVERIES.name), [key])
        landed = work.land(key)
        if landed is not None:
            context.log_event(dg.AssetMaterialization(landing.key, partition=key, metadata=counts(landed)))
    for asset, step in ((persons, work.link), (households, work.house), (views, work.publish)):
        context.log_event(dg.AssetMaterialization(asset.key, metadata=asdict(step())))


@dg.job(tags=RETRIES)
def sync_job() -> None:
    """Pull what is new, link, publish."""
    sync()


def nightly_schedule(cron: str) -> dg.ScheduleDefinition:
    """Sync once a night, Japanese time."""
    return dg.ScheduleDefinition(
        name="nightly",
        job=sync_job,
        cron_schedule=cron,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


@dg.sensor(job=sync_job, minimum_interval_seconds=SENSOR_SECONDS)
def drop_folders(_context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Sync when something appears at a source between two nights (off until switched on)."""
    with Site.open(workspace_root()) as site:
        keys = list(Work(site, Clock(), "look", workers=0).look())
    return dg.RunRequest(run_key="+".join(keys)) if keys else dg.SkipReason("nothing new at any source")


@dg.definitions
def defs() -> dg.Definitions:
    """Give Dagster the graph of the configured workspace."""
    workspace = Workspace.open(workspace_root())
    return dg.Definitions(
        assets=[landing, *LATER],
        asset_checks=[*CHECKS],
        jobs=[sync_job, land_job, apply_job],
        schedules=[nightly_schedule(workspace.config.schedule.nightly)],
        sensors=[drop_folders],
        resources={"work": work_resource},
        executor=dg.in_process_executor,
    )
