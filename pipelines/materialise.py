"""The assets of a run, materialised in this process; its steps are the same when Dagster's daemon starts them."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from pipelines.assets import DELIVERIES, LATER, counts, landing
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
            told: list[tuple[str, dict[str, Any]]] = []
            for key in work.look():
                landed = work.land(key)
                if landed is not None:
                    told.append((key, counts(landed)))
            _tell(instance, told)
        outcome = dg.materialize(
            [*LATER, *CHECKS],
            resources={"work": work},
            instance=instance,
            run_config=QUIET,
            raise_on_error=False,
        )

    if not outcome.success and work.failure is not None:
        raise work.failure from None


def _tell(instance: dg.DagsterInstance, landed: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Tell Dagster of every delivery that was landed, as a materialisation of its partition.

    A run of Dagster's own per delivery would cost a fifth of a second each, more than most deliveries take.
    """
    if not landed:
        return
    instance.add_dynamic_partitions(str(DELIVERIES.name), [key for key, _ in landed])
    for key, metadata in landed:
        instance.report_runless_asset_event(dg.AssetMaterialization(landing.key, partition=key, metadata=metadata))
