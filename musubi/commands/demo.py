"""``musubi demo``: a synthetic city, synced, published and looked at."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Verb, option

if TYPE_CHECKING:
    from linkage.evaluate import Accuracy, Measure
    from musubi.city import CityReport
    from pipelines.site import Site
    from pipelines.stages import Stage
    from pipelines.sync import SyncReport

WAITING = 3
"""Planted rows wait in quarantine; for a demonstration this is as it should be."""
MEASURES = ("persons", "unaided", "households")


@click.command("demo", cls=Verb, help="demo")
@option("--people", type=click.IntRange(min=200), default=20_000, show_default=True)
@option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@option("--noise", type=click.FloatRange(min=0), default=1.0, show_default=True)
@option("--dir", "directory", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@as_json
@pass_call
@click.pass_context
def command(
    ctx: click.Context, call: Call, *, people: int, seed: int, noise: float, directory: Path, as_json: bool
) -> None:
    """Make the city, run everything on it, show the first family."""
    from musubi.demonstration import clear, generate, measure, settle
    from musubi.runs import following
    from pipelines.site import Site
    from pipelines.stages import Clock
    from pipelines.sync import sync

    directory = directory.absolute()
    clear(directory, people=people, seed=seed, noise=noise)
    with following(call.aside(), call.words) as progress:
        clock = Clock(progress)
        with clock.stage("generate") as stage:
            progress("generate", 0, 0)
            city = generate(directory, people=people, seed=seed, noise=noise)
            stage.records = city.records
            progress("generate", city.records, city.records)
        workspace = settle(directory)
        with Site.open(workspace) as site:
            report = sync(site, progress=progress)
    with Site.open(workspace) as site:
        accuracy = measure(site, directory)
        if as_json:
            print_json(_json([*clock.stages, *report.stages], report, accuracy))
        else:
            _tell(call, directory, city, clock.stages, report, accuracy)
            _family(call, site)
            _next(call, directory)
    ctx.exit(0 if report.exit_code == WAITING else report.exit_code)


def _json(stages: list["Stage"], report: "SyncReport", accuracy: "Accuracy") -> dict[str, Any]:
    from musubi.runs import FIGURES, stages_json

    measures = {name: _measure(getattr(accuracy, name)) for name in MEASURES}
    counted = {name: getattr(report, name) for name in FIGURES}
    return {"stages": stages_json(stages), **counted, "accuracy": measures}


def _measure(measure: "Measure") -> dict[str, float]:
    return {"precision": measure.precision, "recall": measure.recall, "f1": measure.f1}


def _tell(
    call: Call,
    directory: Path,
    city: "CityReport",
    before: list["Stage"],
    report: "SyncReport",
    accuracy: "Accuracy",
) -> None:
    from musubi.runs import tell_run

    words, console = call.words, call.console()
    console.rule(words("demo.title"))
    counted = {"people": f"{city.people:,}", "records": f"{city.records:,}", "systems": len(city.per_source)}
    console.print(words("demo.city", **counted))
    tell_run(console, words, report, before)
    console.print(words("demo.planted", count=city.bad_rows), style="dim")
    for name in MEASURES:
        measure: Measure = getattr(accuracy, name)
        told = words("demo.measure", precision=measure.precision, recall=measure.recall, f1=measure.f1)
        console.print(f"{words(f'demo.{name}')}  {told}")
    console.print(words("demo.where", directory=directory), style="dim")


def _family(call: Call, site: "Site") -> None:
    """Show the seed's first family as the integrated desk's worker sees it, by the way a worker takes."""
    from desk import Query
    from musubi.asking import Asking, service_of
    from musubi.demonstration import FIRST_FAMILY
    from musubi.households import Household

    console = call.console()
    asking = Asking("desk-1", "consultation", ("family",), "referred")
    service = service_of(site)
    console.print()
    console.rule(call.words("demo.family"))
    console.print(call.words("demo.family_told", **FIRST_FAMILY), style="dim")
    results = service.find(asking.reader(site), Query(**FIRST_FAMILY), asking.statement)
    shown = Household(replace(call, root=site.workspace.root), asking)
    if len(results.found) != 1:
        shown.found(results)
        return
    view = service.household(asking.reader(site), results.found[0].opening, asking.statement)
    shown.show(view)
    site.sequencer().run()


def _next(call: Call, directory: Path) -> None:
    from musubi.demonstration import FIRST_FAMILY

    console, program = call.console(), replace(call, root=directory / "workspace").program
    asked = " ".join(f"--{name} '{value}'" for name, value in FIRST_FAMILY.items())
    who = "--as desk-1 --purpose consultation --present family --reason referred"
    usual = Path("var/demo").absolute() == directory
    commands = {
        "serve": "make serve" if usual else f"make serve DEMO={directory}",
        "find": f"{program} household find {asked} {who}",
        "quarantine": f"{program} quarantine list",
        "audit": f"{program} audit verify",
        "again": f"{program} sync",
    }
    console.print()
    console.rule(call.words("demo.next"))
    for key, line in commands.items():
        console.print(call.words(f"demo.next_{key}"), style="dim")
        console.print(f"  {line}", soft_wrap=True)
