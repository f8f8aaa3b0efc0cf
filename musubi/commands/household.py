"""``musubi household``: find a person, show the household; the desk's own readings at the command line."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from desk.languages import catalogue
from musubi.asking import Asking, asks, service_of
from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Noun, option

if TYPE_CHECKING:
    from desk import Query


@click.group("household", cls=Noun, help="household")
def command() -> None:
    """Hold the verbs."""


@command.command("find", help="household_find")
@option("--name", default="")
@option("--kana", default="")
@option("--birth", default="")
@option("--address", default="")
@option("--phone", default="")
@asks
@as_json
@pass_call
def find(
    call: Call, *, asking: Asking, name: str, kana: str, birth: str, address: str, phone: str, as_json: bool
) -> None:
    """Find persons by at least two kinds of clue or a full name."""
    from musubi.households import Household

    query = _query(call, {"name": name, "kana": kana, "birth": birth, "address": address, "phone": phone})
    with call.site() as site:
        results = service_of(site).find(asking.reader(site), query, asking.statement)
    if as_json:
        print_json(results)
    else:
        Household(call, asking).found(results)


def _query(call: Call, clues: dict[str, str]) -> "Query":
    """Take the clues of the options, else those typed at the terminal or given on standard input.

    What is typed or given appears in no list of processes and no shell history.
    """
    from desk import Query

    try:
        if any(clues.values()):
            return Query(**clues)
        if sys.stdin.isatty():
            return Query(**_typed(call, clues))
        return Query.model_validate_json(sys.stdin.read() or "{}")
    except ValidationError:
        raise click.UsageError(call.words("household.malformed")) from None


def _typed(call: Call, clues: Iterable[str]) -> dict[str, str]:
    call.remark("household.ask")
    labels = catalogue(call.words.language)
    return {
        name: str(click.prompt(labels(f"find.{name}"), default="", show_default=False, err=True)) for name in clues
    }


@command.command("show", help="household_show")
@click.argument("reference")
@asks
@as_json
@pass_call
def show(call: Call, reference: str, asking: Asking, as_json: bool) -> None:
    """Show the living household of a person that was found."""
    from musubi.households import Household

    with call.site() as site:
        view = service_of(site).household(asking.reader(site), reference, asking.statement)
    if as_json:
        print_json(view)
    else:
        Household(call, asking).show(view)
