"""``musubi schema``: the unified household model as JSON Schema, for those who build on it."""

from pathlib import Path

import click

from musubi.call import Call, pass_call
from musubi.texts import Verb


@click.command("schema", cls=Verb, help="schema")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@pass_call
def command(call: Call, directory: Path) -> None:
    """Write one file per kind of thing."""
    from schemas.model.export import export

    export(directory)
    call.tell("schema.written", directory=directory)
