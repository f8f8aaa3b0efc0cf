"""Looking before storing: would a guard hold a source's deliveries, and what would its rows become (試し読み).

Shapes, counts and fault codes only; no value of any row leaves this place.
"""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import select

from connectors.mapping import Mapper
from connectors.sources import open_source
from pipelines.landing import BATCH
from pipelines.site import Site
from schemas.errors import RecordRejected
from schemas.source import SourceDefinition
from schemas.tables import delivery


@dataclass
class DeliveryCheck:
    """One delivery as its guards see it."""

    name: str
    as_of: str
    rows: int
    applied: bool
    held: str = ""
    detail: str = ""
    warnings: tuple[str, ...] = ()


@dataclass
class CheckReport:
    """A source as it stands: provenance of its columns and its deliveries."""

    source: str
    assumed: tuple[str, ...]
    """Columns whose names nobody confirmed."""
    deliveries: list[DeliveryCheck] = field(default_factory=list)
    waiting: tuple[str, ...] = ()

    @property
    def held(self) -> int:
        """Deliveries a guard would hold."""
        return sum(1 for one in self.deliveries if one.held)


@dataclass
class PreviewReport:
    """What the first rows of a source's newest delivery would become."""

    source: str
    delivery: str = ""
    rows: int = 0
    mapped: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    """By role."""
    parts: Counter[str] = field(default_factory=Counter)
    """``role.part`` → mentions that carry it: name, kana, birth, address, phone, kinds of number."""
    facts: Counter[str] = field(default_factory=Counter)
    """``kind/category`` → facts."""
    faults: Counter[str] = field(default_factory=Counter)
    """``code column`` → rows."""
    warnings: Counter[str] = field(default_factory=Counter)


def check(site: Site, definition: SourceDefinition) -> CheckReport:
    """Look at every delivery that is there, applied ones too; nothing is stored."""
    with site.engine.connect() as conn:
        applied = set(
            conn.execute(
                select(delivery.c.content_hash).where(
                    delivery.c.source_id == definition.id, delivery.c.status == "applied"
                )
            ).scalars()
        )
    assumed = tuple(column.name for column in definition.column if column.provenance == "assumed")
    report = CheckReport(definition.id, assumed)
    opened = open_source(definition, site.workspace.root)
    for found in opened.deliveries(frozenset()):
        seen = found.inspect()
        rows = seen.rows or sum(len(batch.rows) + len(batch.faults) for batch in found.raw_batches(BATCH))
        report.deliveries.append(
            DeliveryCheck(
                found.name,
                found.as_of,
                rows,
                found.content_hash in applied,
                seen.held or "",
                seen.detail,
                seen.warnings,
            )
        )
    report.waiting = opened.waiting
    return report


def preview(site: Site, definition: SourceDefinition, rows: int = 20) -> PreviewReport:
    """Map the first rows of the newest delivery and count what they become; nothing is stored."""
    report = PreviewReport(definition.id)
    found = None
    for one in open_source(definition, site.workspace.root).deliveries(frozenset()):
        found = one
    if found is None:
        return report
    report.delivery = found.name
    held = found.inspect().held
    if held:
        report.faults[held] += 1
        return report
    for batch in found.raw_batches(rows):
        mapper = Mapper(definition, batch.header)
        for fault in batch.faults:
            report.faults[fault.code] += 1
        for line, cells in batch.rows:
            report.rows += 1
            _count(report, mapper, cells, line)
        break
    return report


def _count(report: PreviewReport, mapper: Mapper, cells: tuple[str, ...], line: int) -> None:
    try:
        draft = mapper.map(cells, line)
    except RecordRejected as rejected:
        report.faults[f"{rejected.code} {rejected.field_name}".strip()] += 1
        return
    report.mapped += 1
    report.warnings.update(draft.warnings)
    for mention in draft.mentions:
        role = mention.role.value
        report.mentions[role] += 1
        there = {
            "name": bool(mention.names),
            "kana": any(name.kana for name in mention.names),
            "birth": mention.birth is not None,
            "address": bool(mention.addresses),
            "phone": bool(mention.phones),
            "note": bool(mention.notes),
            "consent": bool(mention.consents),
            **{f"id.{number.kind}": True for number in mention.identifiers},
        }
        report.parts.update(f"{role}.{part}" for part, present in there.items() if present)
        report.facts.update(f"{fact.kind}/{fact.category}" for fact in mention.facts)
