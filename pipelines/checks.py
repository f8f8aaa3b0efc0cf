"""What a data steward asks of every run, as asset checks: counts, rejects, freshness, link rate (データ品質).

Predicates are plain questions to the store; a failed check warns, it stops nothing: what must stop is a guard.
"""

from datetime import date, timedelta
from typing import Any

import dagster as dg
from sqlalchemy import func, select

from pipelines.assets import persons, views
from pipelines.work import Work
from schemas.tables import delivery, link_edge, mention, person_mention, quarantine, source

CADENCES = {"daily": 3, "weekly": 10, "monthly": 45}
"""Days after which a source of that cadence is old: its own span with a weekend or holidays on top."""
REJECT_SHARE = 0.02
"""Share of a delivery's rows in quarantine from which a steward should look."""
REVIEW_SHARE = 0.05
"""Share of pairs left to people from which a steward should look."""
GROWTH = 0.2
"""Change of a source's rows against its delivery before from which a steward should look."""


@dg.asset_check(asset=views)
def accounting_closes(work: dg.ResourceParam[Work]) -> dg.AssetCheckResult:
    """Every delivered row is accepted, quarantined or held."""
    table = delivery.c
    query = select(func.count()).where(
        table.status != "landing", table.delivered != table.accepted + table.quarantined + table.held
    )
    with work.site.engine.connect() as conn:
        open_accounts = conn.execute(query).scalar_one()
    return _result(not open_accounts, deliveries=open_accounts)


@dg.asset_check(asset=views)
def rejects_are_few(work: dg.ResourceParam[Work]) -> dg.AssetCheckResult:
    """Few rows of any source wait in quarantine."""
    waiting = select(quarantine.c.source_id, func.count()).where(quarantine.c.state == "waiting")
    with work.site.engine.connect() as conn:
        rows = {row[0]: int(row[1]) for row in conn.execute(waiting.group_by(quarantine.c.source_id))}
        newest = _newest_rows(conn)
    many = {name: count for name, count in rows.items() if count > REJECT_SHARE * max(1, newest.get(name, [0])[0])}
    return _result(not many, **{f"waiting_{name}": count for name, count in sorted(rows.items())})


@dg.asset_check(asset=views)
def counts_are_usual(work: dg.ResourceParam[Work]) -> dg.AssetCheckResult:
    """No source's newest delivery is much larger or smaller than the one before."""
    with work.site.engine.connect() as conn:
        newest = _newest_rows(conn)
    odd = {
        name: rows[0] - rows[1]
        for name, rows in newest.items()
        if len(rows) > 1 and abs(rows[0] - rows[1]) > GROWTH * max(1, rows[1])
    }
    return _result(not odd, **{f"change_{name}": change for name, change in sorted(odd.items())})


@dg.asset_check(asset=views)
def sources_are_fresh(work: dg.ResourceParam[Work]) -> dg.AssetCheckResult:
    """No source is older than its cadence allows."""
    today = date.fromisoformat(work.today())
    with work.site.engine.connect() as conn:
        query = select(delivery.c.source_id, func.max(delivery.c.as_of)).where(delivery.c.status == "applied")
        ages = {name: str(as_of)[:10] for name, as_of in conn.execute(query.group_by(delivery.c.source_id))}
    old = sorted(
        name
        for name, definition in work.definitions.items()
        if date.fromisoformat(ages.get(name, "0001-01-01"))
        < today - timedelta(days=CADENCES.get(definition.cadence, CADENCES["monthly"]))
    )
    return _result(not old, old=", ".join(old), **{f"as_of_{name}": as_of for name, as_of in sorted(ages.items())})


@dg.asset_check(asset=persons)
def link_rate(work: dg.ResourceParam[Work]) -> dg.AssetCheckResult:
    """How many mentions share a person with another, and that few pairs are left to people."""
    with work.site.engine.connect() as conn:
        mentions = conn.execute(select(func.count()).select_from(mention)).scalar_one()
        people = conn.execute(select(func.count(func.distinct(person_mention.c.person_id)))).scalar_one()
        review = conn.execute(
            select(func.count()).select_from(link_edge).where(link_edge.c.outcome == "review")
        ).scalar_one()
    return _result(
        review <= REVIEW_SHARE * max(1, mentions),
        mentions=mentions,
        persons=people,
        left_to_people=review,
        mentions_per_person=round(mentions / max(1, people), 3),
    )


@dg.asset_check(asset=views)
def addresses_are_published(work: dg.ResourceParam[Work]) -> dg.AssetCheckResult:
    """The protection feed is as new as the sources that carry addresses, so nothing is withheld for its sake."""
    withheld = work.report.withheld_addresses
    with work.site.engine.connect() as conn:
        protecting = conn.execute(select(func.count()).select_from(source).where(source.c.protects == 1)).scalar_one()
    return _result(not withheld, withheld_addresses=withheld, protection_sources=protecting)


CHECKS = (
    accounting_closes,
    rejects_are_few,
    counts_are_usual,
    sources_are_fresh,
    link_rate,
    addresses_are_published,
)


def _newest_rows(conn: Any) -> dict[str, list[int]]:
    """Rows of each source's deliveries, newest first."""
    query = select(delivery.c.source_id, delivery.c.delivered).where(delivery.c.status == "applied")
    found: dict[str, list[int]] = {}
    for name, rows in conn.execute(query.order_by(delivery.c.as_of.desc())):
        found.setdefault(name, []).append(rows)
    return found


def _result(passed: bool, **metadata: Any) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)
