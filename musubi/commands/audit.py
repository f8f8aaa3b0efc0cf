"""``musubi audit``: is the log whole, what does it say, and a receipt that proves one entry without Musubi."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.padding import Padding

from desk.languages import catalogue
from musubi.asking import Asking, asks, policy_of
from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Noun, option
from privacy.policy import CATEGORIES
from schemas.errors import ConfigurationError
from schemas.vocabulary import Purpose

if TYPE_CHECKING:
    from pipelines.site import Site
    from privacy.log import LogEntry
    from privacy.policy import Reader

SEARCH_ACT = "audit.search"
AT_MOST = 10_000
"""Entries one search looks through, newest first."""


@click.group("audit", cls=Noun, help="audit")
def command() -> None:
    """Hold the verbs."""


@command.command("verify", help="audit_verify")
@option("--against", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE")
@option("--key", "log_key", default="", metavar="VKEY")
@as_json
@pass_call
@click.pass_context
def verify(ctx: click.Context, call: Call, against: Path | None, log_key: str, as_json: bool) -> None:
    """Compare the log with its signature and with the database, both ways."""
    from privacy.audit import verify as compare
    from privacy.log import verifier_key
    from privacy.verify import Mismatch, VerifierKey

    with call.site() as site:
        try:
            key = VerifierKey.parse(log_key) if log_key else verifier_key(site.keyring, site.origin)
            older = against.read_text("utf-8") if against else None
        except (Mismatch, UnicodeDecodeError) as fault:
            raise ConfigurationError(str(fault)) from None
        report = compare(site.engine, site.log_dir, key, against=older)
    if as_json:
        print_json(
            {
                "clean": report.clean,
                "origin": report.origin,
                "key": str(key),
                "size": report.size,
                "pending": report.pending,
                "findings": [
                    {"fault": str(finding.fault), "where": finding.where, "what": finding.what}
                    for finding in report.findings
                ],
                "checkpoint": report.checkpoint,
            }
        )
    else:
        call.tell("audit.compared", size=report.size, pending=report.pending, origin=report.origin)
        for finding in report.findings:
            named = call.words.label("audit_fault", str(finding.fault))
            click.echo(f"  {named}: {finding.where}: {finding.what}")
        call.tell("audit.clean" if report.clean else "audit.not_clean", count=len(report.findings))
        call.tell("audit.key", vkey=key)
    ctx.exit(0 if report.clean else 1)


@command.command("search", help="audit_search")
@option("--act", default="", metavar="ACT")
@option("--kind", default="", metavar="KIND")
@option("--agency", default="", metavar="AGENCY")
@option("--worker", "of_worker", default="", metavar="WORKER")
@option("--subject", default="", metavar="PSEUDONYM")
@option("--since", type=click.DateTime(["%Y-%m-%d"]))
@option("--limit", type=click.IntRange(1, AT_MOST), default=50, show_default=True)
@asks
@as_json
@pass_call
def search(
    call: Call,
    asking: Asking,
    *,
    act: str,
    kind: str,
    agency: str,
    of_worker: str,
    subject: str,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Find entries; an auditor among all, everybody else among his or her own."""
    with call.site() as site:
        site.sequencer().run()
        reader = asking.reader(site)
        wanted = _Wanted(act, kind, agency, of_worker, subject, since)
        found = _entries(site, reader, wanted, limit)
        if _audits(site, reader):
            _record(site, reader, wanted, len(found))
    if as_json:
        print_json([_json(entry) for entry in found])
        return
    if not found:
        call.tell("audit.none")
    for entry in found:
        _tell(call, entry)


@command.command("prove", help="audit_prove")
@click.argument("act")
@option("--directory", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default=True)
@asks
@as_json
@pass_call
def prove(call: Call, act: str, directory: Path, asking: Asking, as_json: bool) -> None:
    """Write an entry and its receipt, to be checked by anybody."""
    from desk.refusals import NotShown
    from privacy.log import prove as place
    from privacy.log import verifier_key

    with call.site() as site:
        site.sequencer().run()
        reader = asking.reader(site)
        found = _entries(site, reader, _Wanted(act=act), 1)
        key = verifier_key(site.keyring, site.origin)
        proof = place(site.engine, site.log_dir, key, act) if found else None
    if proof is None:
        raise NotShown("no such entry for this reader")
    directory.mkdir(parents=True, exist_ok=True)
    entry_file, receipt_file = directory / f"{act}.json", directory / f"{act}.tlog-proof"
    entry_file.write_bytes(found[0].entry)
    receipt_file.write_text(proof.receipt, "utf-8")
    if as_json:
        told = {"act": act, "leaf_index": proof.leaf_index, "size": proof.checkpoint.size, "key": str(key)}
        print_json({**told, "entry": str(entry_file), "receipt": str(receipt_file)})
        return
    call.tell("audit.proven", index=proof.leaf_index, size=proof.checkpoint.size)
    call.tell("audit.check_yourself")
    click.echo(f"  python -m privacy.verify receipt {receipt_file} {entry_file} '{key}'")


class _Wanted:
    """What a search asks for; empty parts ask for nothing."""

    def __init__(
        self,
        act: str = "",
        kind: str = "",
        agency: str = "",
        worker: str = "",
        subject: str = "",
        since: datetime | None = None,
    ) -> None:
        self.act, self.kind, self.agency, self.worker, self.subject = act, kind, agency, worker, subject
        self.since = since

    @property
    def parts(self) -> list[str]:
        """Which parts were asked by, for the entry of the search."""
        return [name for name, value in sorted(vars(self).items()) if value]


def _audits(site: "Site", reader: "Reader") -> bool:
    """Tell whether the reader is here to audit: the policy lets the role state that purpose."""
    return reader.purpose is Purpose.AUDIT and Purpose.AUDIT in policy_of(site).rules.roles[reader.role]


def _entries(site: "Site", reader: "Reader", wanted: _Wanted, limit: int) -> list["LogEntry"]:
    from privacy.log import entries, staff_pseudonym
    from privacy.policy.reader import JST

    everybody = _audits(site, reader)
    worker = wanted.worker if everybody else reader.staff_id
    found = entries(
        site.engine,
        agency_id=(wanted.agency or None) if everybody else reader.agency_id,
        staff=staff_pseudonym(site.keyring, worker) if worker else None,
        act_id=wanted.act or None,
        kind=wanted.kind or None,
        limit=AT_MOST if wanted.subject or wanted.since else limit,
    )
    first = wanted.since.replace(tzinfo=JST) if wanted.since else None
    kept = (
        entry
        for entry in found
        if (not wanted.subject or wanted.subject in entry.body.get("subjects", {}))
        and (first is None or datetime.fromisoformat(entry.recorded_at) >= first)
    )
    return [entry for _, entry in zip(range(limit), kept, strict=False)]


def _record(site: "Site", reader: "Reader", wanted: _Wanted, count: int) -> None:
    """Leave an entry of the search itself: by what was asked, never what for."""
    from privacy.log import record, staff_pseudonym

    body = {
        "agency": reader.agency_id,
        "staff": staff_pseudonym(site.keyring, reader.staff_id),
        "role": str(reader.role),
        "purpose": str(reader.purpose),
        "asked_by": wanted.parts,
        "entries": count,
    }
    with site.engine.begin() as conn:
        record(conn, SEARCH_ACT, body, at=reader.instant)


def _json(entry: "LogEntry") -> dict[str, Any]:
    return {
        "act": entry.act_id,
        "kind": entry.kind,
        "agency": entry.agency_id,
        "recorded_at": entry.recorded_at,
        "leaf_index": entry.leaf_index,
        "body": entry.body,
    }


def _tell(call: Call, entry: "LogEntry") -> None:
    from desk.pages import tokyo

    words, desk, body = call.words, catalogue(call.words.language), entry.body
    kind = desk.words.get(f"act_kind.{entry.kind}") or words.label("act_kind", entry.kind)
    place = words("audit.leaf", index=entry.leaf_index) if entry.leaf_index is not None else desk("log.waiting")
    console = call.console()
    console.print(f"{tokyo(entry.recorded_at)}  {kind}  {place}", style="bold")
    console.print(f"  {desk('log.act')}: {entry.act_id}")
    for name in ("agency", "role", "purpose", "staff", "policy", "generation", "run"):
        if body.get(name) not in (None, ""):
            shown = desk.label(name, str(body[name]))
            console.print(f"  {words.words.get(f'audit.{name}') or desk(f'log.{name}')}: {shown}")
    between = ", " if call.english else "・"
    if said := body.get("statement"):
        told = between.join(_stated(call, *str(part).partition(":")[::2]) for part in said)
        console.print(f"  {desk('log.statement')}: {told}")
    for subject, seen in body.get("subjects", {}).items():
        console.print(f"  {words('audit.subject')} {subject}", style="dim")
        for (tier, bases), categories in _alike(seen).items():
            named = between.join(desk.label("category", category) for category in categories)
            had = desk("household.own_shown") if tier == "none" else desk.label("tier", tier)
            on = between.join(desk.label("rule", basis) for basis in bases)
            console.print(Padding(f"{had}: {named} ({on})", (0, 0, 0, 4)), style="dim")
    if counts := body.get("counts"):
        told = ", ".join(f"{words.label('figure', name)} {count}" for name, count in counts.items() if count)
        console.print(f"  {told}", style="dim")


def _stated(call: Call, name: str, code: str) -> str:
    return call.words.label(name, code) if name == "via" else catalogue(call.words.language).label(name, code)


def _alike(seen: dict[str, list[str]]) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """Put together the categories that were shown alike: tier and bases → categories, in the model's order."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for category in filter(seen.__contains__, CATEGORIES):
        tier, *bases = seen[category]
        alike.setdefault((tier, tuple(bases)), []).append(category)
    return alike
