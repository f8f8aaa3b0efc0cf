"""The assets of a run, materialised in this process; its steps are the same when Dagster's daemon starts them."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from pipelines.assets import DELIVERIES, LATER, landing
from pipelines.checks import CHECKS
from pipelines.home import dagster_home
from pipelines.work import Work

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The command line tells its own progress."""


def materialise(work: Work, *, pull: bool) -> None:
    """Land what is new and bring links, households and views up to date.

    Raises the step's own error, as Dagster recorded it: without values, without a chain.
    """
    home = dagster_home(work.site.workspace)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        if pull:
            for key in work.look():
                instance.add_dynamic_partitions(str(DELIVERIES.name), [key])
                _run([landing], work, instance, partition_key=key)
        _run([*LATER, *CHECKS], work, instance)


def _run(
    assets: Sequence[Any],
    work: Work,
    instance: dg.DagsterInstance,
    *,
    partition_key: str | None = None,
) -> None:
    outcome = dg.materialize(
        assets,
        resources={"work": work},
        instance=instance,
        partition_key=partition_key,
        run_config=QUIET,
        raise_on_error=False,
    )
    if not outcome.success and work.failure is not None:
        raise work.failure from None
