"""``musubi sources``: which sources are configured, would a guard hold what they deliver, what would rows become."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import click
from rich.padding import Padding

from desk.languages import catalogue
from musubi.call import Call, as_json, pass_call, print_json, table
from musubi.texts import Noun, option
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from pipelines.preview import CheckReport, PreviewReport
    from pipelines.site import Site
    from schemas.source import SourceDefinition


HELD = 4
"""Exit code where a guard would hold a delivery."""


@click.group("sources", cls=Noun, help="sources")
def command() -> None:
    """Hold the verbs."""


@command.command("list", help="sources_list")
@as_json
@pass_call
def list_sources(call: Call, as_json: bool) -> None:
    """List the configured sources and how old what they delivered is."""
    with call.site() as site:
        newest = _newest(site)
        rows = [_row(definition, newest.get(name, "")) for name, definition in site.sources().items()]
        agencies = site.workspace.agencies
    if as_json:
        print_json(rows)
        return
    if not rows:
        call.tell("sources.none", directory=call.root / "sources")
        return
    words = call.words
    told = table(words(f"sources.{key}") for key in ("id", "title", "agency", "mode", "transport", "as_of"))
    for row in rows:
        agency = agencies[row["agency"]]
        told.add_row(
            row["id"],
            row["title_en"] if call.english else row["title"],
            agency.name_en or agency.name if call.english else agency.name,
            words.label("mode", row["mode"]),
            row["transport"],
            row["as_of"] or "—",
        )
    call.console().print(told)


@command.command("check", help="sources_check")
@click.argument("source")
@as_json
@pass_call
@click.pass_context
def check(ctx: click.Context, call: Call, source: str, as_json: bool) -> None:
    """Look at what a source delivers without taking it."""
    from pipelines.preview import check as look

    with call.site() as site:
        report = look(site, _definition(site, source))
    if as_json:
        print_json(report)
    else:
        _tell_check(call, report)
    ctx.exit(HELD if report.held else 0)


@command.command("preview", help="sources_preview")
@click.argument("source")
@option("--rows", type=click.IntRange(min=1), default=20, show_default=True)
@as_json
@pass_call
def preview(call: Call, source: str, rows: int, as_json: bool) -> None:
    """Say what rows would become: shapes and counts, never values."""
    from pipelines.preview import preview as look

    with call.site() as site:
        report = look(site, _definition(site, source), rows=rows)
    if as_json:
        print_json(report)
    else:
        _tell_preview(call, report)


def _definition(site: "Site", source: str) -> "SourceDefinition":
    known = site.sources()
    if source not in known:
        raise ConfigurationError(f"{source}: no such source; `musubi sources list` names them")
    return known[source]


def _row(definition: "SourceDefinition", as_of: str) -> dict[str, Any]:
    return {
        "id": definition.id,
        "title": definition.title,
        "title_en": definition.title_en or definition.title,
        "preset": definition.preset,
        "agency": definition.agency,
        "programme": str(definition.programme),
        "mode": definition.mode,
        "transport": definition.transport.kind,
        "population": definition.legal.population,
        "cadence": definition.cadence,
        "as_of": as_of,
    }


def _newest(site: "Site") -> dict[str, str]:
    """Give the newest as-of each source has delivered; a growing cursor's position is no date and is left out."""
    from sqlalchemy import func, select

    from schemas.tables import delivery

    query = select(delivery.c.source_id, func.max(delivery.c.as_of)).where(delivery.c.status == "applied")
    with site.engine.connect() as conn:
        return {
            name: str(as_of).partition(".")[0] for name, as_of in conn.execute(query.group_by(delivery.c.source_id))
        }


def _tell_check(call: Call, report: "CheckReport") -> None:
    words, console = call.words, call.console()
    if not report.deliveries:
        console.print(words("sources.nothing", source=report.source))
    for one in report.deliveries:
        state = "held" if one.held else "applied" if one.applied else "new"
        told = words(f"sources.{state}", code=words.label("guard", one.held))
        console.print(f"{one.name}  {one.as_of.partition('.')[0]}  {words('sources.rows', count=one.rows)}  {told}")
        if one.detail:
            console.print(f"  {one.detail}", style="red")
        for code, count in Counter(one.warnings).items():
            console.print(f"  {words.label('warning', code)} ({count})", style="yellow")
    for name in report.waiting:
        console.print(words("run.unfinished", name=name), style="yellow")
    if report.assumed:
        between = ", " if call.english else "、"
        console.print(words("sources.assumed", count=len(report.assumed)), style="dim")
        console.print(Padding(between.join(report.assumed), (0, 0, 0, 2)), style="dim")


def _tell_preview(call: Call, report: "PreviewReport") -> None:
    words, desk, console = call.words, catalogue(call.words.language), call.console()
    if not report.delivery:
        console.print(words("sources.nothing", source=report.source))
        return
    console.print(words("sources.previewed", delivery=report.delivery, rows=report.rows, mapped=report.mapped))
    told = table((words("sources.becomes"), words("sources.count")), right=(1,))
    for role, count in report.mentions.items():
        told.add_row(words.label("mention_role", role), str(count), style="bold")
        for part, there in report.parts.items():
            owner, _, name = part.partition(".")
            if owner == role:
                told.add_row(f"  {words.label('part', name)}", str(there))
    for name, count in report.facts.items():
        kind, _, category = name.partition("/")
        told.add_row(f"{desk.label('fact', kind)} ({desk.label('category', category)})", str(count))
    console.print(told)
    for fault, count in report.faults.items():
        code, _, column = fault.partition(" ")
        named = words.words.get(f"fault.{code}") or words.label("guard", code)
        console.print(f"{named} {column}: {count}", style="red")
    for code, count in report.warnings.items():
        console.print(f"{words.label('warning', code)}: {count}", style="yellow")
