"""Runs as people follow them: a progress bar beside the output, and what a run did."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from musubi.call import table
from musubi.texts import Catalogue

if TYPE_CHECKING:
    from pipelines.stages import Stage
    from pipelines.sync import SyncReport

FIGURES = ("delivered", "accepted", "unchanged", "quarantined", "held", "persons", "households")
"""What a run counts, in the order it is told."""


class Following:
    """Shows how far each stage is; silent where nobody watches, but for one line at each stage's start."""

    def __init__(self, console: Console, words: Catalogue) -> None:
        self._console = console
        self._words = words
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note of a stage's progress; a total of 0 is not known yet."""
        name = stage_name(self._words, stage)
        if stage not in self._tasks:
            for task in self._progress.tasks:
                self._progress.update(task.id, total=task.completed)
            self._tasks[stage] = self._progress.add_task(name, total=total or None)
            if not self._console.is_terminal:
                self._console.print(name)
        self._progress.update(self._tasks[stage], completed=done, total=total or None)


@contextmanager
def following(console: Console, words: Catalogue) -> Iterator[Following]:
    """Show progress while a block runs."""
    shown = Following(console, words)
    with shown._progress:  # noqa: SLF001 - the bar belongs to the block
        yield shown


def stage_name(words: Catalogue, stage: str) -> str:
    """Name a stage, with the source it is at; one the catalogue does not know by its own name."""
    name, _, source = stage.partition(" ")
    return f"{words.label('stage', name)} {source}".rstrip()


def run_json(report: "SyncReport") -> dict[str, Any]:
    """Give a run's report for machines."""
    return {
        "run": report.run_id,
        "stages": stages_json(report.stages),
        **{name: getattr(report, name) for name in FIGURES},
        "withheld_addresses": report.withheld_addresses,
        "guards": [
            {"source": guard.source_id, "code": guard.code, "detail": guard.detail} for guard in report.guards
        ],
        "unavailable": list(report.unavailable),
        "warnings": dict(report.warnings),
        "unfinished_deliveries": list(report.waiting),
        "waiting_rows": report.waiting_rows,
        "exit_code": report.exit_code,
    }


def stages_json(stages: Sequence["Stage"]) -> list[dict[str, Any]]:
    """Give stages for machines."""
    return [
        {
            "name": stage.name,
            "records": stage.records,
            "seconds": round(stage.seconds, 3),
            "peak_mib": round(stage.peak_mib, 1),
        }
        for stage in stages
    ]


def tell_run(console: Console, words: Catalogue, report: "SyncReport", before: Sequence["Stage"] = ()) -> None:
    """Print what a run did, after the stages ``before`` it, and what a person should do next."""
    console.print(figures(words, {name: getattr(report, name) for name in FIGURES}))
    console.print(stages_table(words, [*before, *report.stages]))
    if report.waiting_rows:
        console.print(words("run.waiting_rows", count=report.waiting_rows), style="yellow")
    if report.withheld_addresses:
        console.print(words("run.withheld_addresses", count=report.withheld_addresses), style="yellow")
    for guard in report.guards:
        code = words.label("guard", guard.code)
        console.print(words("run.guard", source=guard.source_id, code=code, detail=guard.detail), style="red")
    for told in report.unavailable:
        console.print(words("run.unavailable", told=told), style="red")
    for name in report.waiting:
        console.print(words("run.unfinished", name=name), style="yellow")
    for warning, count in report.warnings.items():
        source, _, code = warning.partition(": ")
        console.print(f"  {source}: {words.label('warning', code)} ({count})", style="dim")
    console.print(words("run.ended", run=report.run_id), style="dim")


def figures(words: Catalogue, counted: Mapping[str, int]) -> Text:
    """Give the counts of a run in one line."""
    parts = [Text.assemble((f"{words(f'figure.{name}')} ", "dim"), f"{count:,}") for name, count in counted.items()]
    return Text("   ").join(parts)


def stages_table(words: Catalogue, stages: Sequence["Stage"]) -> Table:
    """Give the stages of a run as a table."""
    told = table((words(f"run.{key}") for key in ("stage", "records", "seconds", "peak")), right=(1, 2, 3))
    for stage in stages:
        cells = (f"{stage.records:,}", f"{stage.seconds:.1f}", f"{stage.peak_mib:.0f}")
        told.add_row(stage_name(words, stage.name), *cells)
    return told
