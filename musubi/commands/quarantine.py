"""``musubi quarantine``: records that were refused wait here, sealed; listed, shown under policy, tried again."""

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.table import Table

from musubi.asking import Asking, asks
from musubi.call import Call, as_json, pass_call, print_json, table
from musubi.texts import Noun, option

if TYPE_CHECKING:
    from pipelines.quarantine import Waiting

PLACES = ("id", "source", "delivery", "line", "code", "field")


@click.group("quarantine", cls=Noun, help="quarantine")
def command() -> None:
    """Hold the verbs."""


@command.command("list", help="quarantine_list")
@option("--source", default="", metavar="ID")
@as_json
@pass_call
def list_waiting(call: Call, source: str, as_json: bool) -> None:
    """List what waits: source, line, fault; no value."""
    from pipelines.quarantine import waiting

    with call.site() as site:
        found = waiting(site, source)
    if as_json:
        print_json(found)
        return
    if not found:
        call.tell("quarantine.none")
        return
    call.console().print(_table(call, found))
    counts = Counter(one.code for one in found)
    parts = [f"{call.words.label('fault', code)} {count}" for code, count in counts.most_common()]
    call.tell("quarantine.sum", count=len(found), kinds="、".join(parts) if not call.english else ", ".join(parts))
    call.tell("quarantine.hint")


@command.command("show", help="quarantine_show")
@click.argument("quarantine_id", type=int)
@asks
@as_json
@pass_call
def show(call: Call, quarantine_id: int, asking: Asking, as_json: bool) -> None:
    """Open one refused row under the policy; the reading stands in the log."""
    from pipelines.quarantine import show as open_row

    with call.site() as site:
        row = open_row(site, quarantine_id, asking.reader(site))
    if as_json:
        print_json(row)
        return
    told = table((call.words("quarantine.column"), call.words("quarantine.value")))
    for name, value in row.items():
        if name and value:
            told.add_row(name, value)
    call.console().print(told)
    code, _, column = row[""].partition(" ")
    call.tell("quarantine.fault", fault=call.words.label("fault", code), column=column)


@command.command("retry", help="quarantine_retry")
@option("--source", default="", metavar="ID")
@as_json
@pass_call
@click.pass_context
def retry(ctx: click.Context, call: Call, source: str, as_json: bool) -> None:
    """Map the waiting rows again, after a definition or a code map was mended."""
    from pipelines.quarantine import retry as try_again

    with call.site() as site:
        report = try_again(site, source)
    if as_json:
        print_json(report)
    else:
        call.tell("quarantine.retried", retried=report.retried, accepted=report.accepted, waiting=report.waiting)
        for code, count in report.codes.items():
            click.echo(f"  {call.words.label('fault', code)}: {count}")
        if report.accepted:
            call.tell("quarantine.publish")
    ctx.exit(3 if report.waiting else 0)


def _table(call: Call, found: list["Waiting"]) -> Table:
    told = table((call.words(f"quarantine.{key}") for key in PLACES), right=(0, 3))
    for one in found:
        place = asdict(one)
        shown = {**place, "code": call.words.label("fault", str(place["code"]))}
        told.add_row(*(str(shown[key]) for key in PLACES))
    return told
