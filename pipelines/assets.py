"""The assets of Dagster's graph: few and fat, they only call the run's steps. Rows never pass through Dagster.

``landing`` is partitioned by delivery, dynamically; what comes after applies whatever is not yet applied. An asset's
metadata are counts, seconds and megabytes; a partition's key names source, as-of and hash, never a file.
"""

from dataclasses import asdict
from typing import Any

import dagster as dg

from pipelines.landing import Landed
from pipelines.work import Work

GROUP = "musubi"
DELIVERIES = dg.DynamicPartitionsDefinition(name="deliveries")
RETRY = dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL)
"""For a store or a source that did not answer for a moment; every step may be repeated."""


@dg.asset(partitions_def=DELIVERIES, group_name=GROUP, kinds={"files", "sql", "fhir"}, retry_policy=RETRY)
def landing(context: dg.AssetExecutionContext, work: dg.ResourceParam[Work]) -> dg.MaterializeResult[Any]:
    """Land one delivery: guards, mapping, sealing, exactly once (取込)."""
    landed = work.land(context.partition_key)
    if landed is None:
        raise dg.Failure("the source did not answer; the next run tries again", allow_retries=False)
    return dg.MaterializeResult(metadata=counts(landed))


@dg.asset(deps=[landing], group_name=GROUP, kinds={"splink", "polars"}, retry_policy=RETRY)
def persons(work: dg.ResourceParam[Work]) -> dg.MaterializeResult[Any]:
    """Say which mentions are one person (名寄せ)."""
    return dg.MaterializeResult(metadata=asdict(work.link()))


@dg.asset(deps=[persons], group_name=GROUP, kinds={"polars"}, retry_policy=RETRY)
def households(work: dg.ResourceParam[Work]) -> dg.MaterializeResult[Any]:
    """Say who lives with whom (世帯)."""
    return dg.MaterializeResult(metadata=asdict(work.house()))


@dg.asset(deps=[households], group_name=GROUP, kinds={"sql"}, retry_policy=RETRY)
def views(work: dg.ResourceParam[Work]) -> dg.MaterializeResult[Any]:
    """Publish the next generation of views (公開)."""
    return dg.MaterializeResult(metadata=asdict(work.publish()))


LATER = (persons, households, views)


def counts(landed: Landed) -> dict[str, Any]:
    """Give the metadata of a landing."""
    names = ("source_id", "as_of", "delivered", "accepted", "unchanged", "quarantined", "held", "removed", "cut")
    found: dict[str, Any] = {name: getattr(landed, name) for name in names}
    return {**found, "guard": landed.hold.code if landed.hold else ""}
