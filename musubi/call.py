"""One call of the command: its workspace, its language and how it prints."""

import json
import os
import shlex
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import click
from pydantic_core import to_jsonable_python
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from musubi.texts import Catalogue, option

if TYPE_CHECKING:
    from pipelines.site import Site

WIDTH = 100
"""Columns of output that goes to a file or a pipe."""


@dataclass(frozen=True)
class Call:
    """What every command is given."""

    root: Path
    """The workspace directory; it need not exist."""
    words: Catalogue

    @property
    def english(self) -> bool:
        """Whether this call speaks English."""
        return self.words.language == "en"

    @property
    def program(self) -> str:
        """The command as this call was begun, for the lines it proposes next."""
        beside = Path(sys.executable).with_name("musubi")
        name = "musubi" if which("musubi") else _short(beside) if beside.is_file() else f"{sys.executable} -m musubi"
        here = self.root == Path() or os.environ.get("MUSUBI_WORKSPACE")
        return name if here else f"{name} -w {_short(self.root)}"

    @contextmanager
    def site(self) -> Iterator["Site"]:
        """Open the workspace for the length of a block."""
        from pipelines.site import Site

        with Site.open(self.root) as site:
            yield site

    def console(self) -> Console:
        """Give the place for what people read; nothing printed is taken for markup."""
        return _console(stderr=False)

    def aside(self) -> Console:
        """Give the place for progress and remarks, so that standard output stays clean for programs."""
        return _console(stderr=True)

    def tell(self, key: str, **values: object) -> None:
        """Print a sentence of the catalogue."""
        click.echo(self.words(key, **values))

    def remark(self, key: str, **values: object) -> None:
        """Print a sentence of the catalogue beside the output."""
        click.echo(self.words(key, **values), err=True)


pass_call = click.make_pass_decorator(Call)
as_json = option("--json", "as_json", is_flag=True)


def table(headings: Iterable[str] = (), right: Collection[int] = ()) -> Table:
    """Make a table, the columns ``right`` for figures; cells that are too long are folded, never cut."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="right" if place in right else "left", overflow="fold")
    return made


def print_json(value: object) -> None:
    """Print one JSON value, models and dataclasses included; text stays readable."""
    click.echo(json.dumps(to_jsonable_python(value), ensure_ascii=False, indent=2))


def _short(path: Path) -> str:
    """Write a path as it is typed from here."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console
