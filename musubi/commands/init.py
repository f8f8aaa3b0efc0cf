"""``musubi init``: a new workspace with its own keys."""

from pathlib import Path

import click

from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Verb, option
from schemas.workspace import DEFAULT_STORE

PLACES = ("env:", "file:", "fd:", "credential:")


@click.command("init", cls=Verb, help="init")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@option("--name", default="")
@option("--code", default="")
@option("--unlock", default="", metavar="env:NAME|file:PATH|fd:N|credential:NAME")
@option("--store", default=DEFAULT_STORE, metavar="URL", show_default=True)
@option("--demo", is_flag=True)
@as_json
@pass_call
def command(
    call: Call, directory: Path, *, name: str, code: str, unlock: str, store: str, demo: bool, as_json: bool
) -> None:
    """Make the directory, its keys and its store."""
    from musubi.founding import OPEN_CODE, Plan, found

    if demo == bool(unlock) or (unlock and not unlock.startswith(PLACES)):
        raise click.UsageError(call.words("init.unlock_needed"))
    plan = Plan(name or call.words("init.name"), code or OPEN_CODE, unlock or "demo", store)
    workspace = found(directory, plan)
    if as_json:
        print_json({"workspace": str(workspace.root), "keys": str(workspace.keys), "demo": demo})
        return
    call.tell("init.made", directory=workspace.root)
    if demo:
        call.tell("init.demo")
    call.tell("init.next", directory=directory)
