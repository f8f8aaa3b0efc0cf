"""The command ``musubi``: its global options, its nouns and how it ends."""

from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import click

from musubi.call import Call
from musubi.faults import stopped
from musubi.texts import LANGUAGE, LANGUAGES, Noun, Option, chosen_language, option, words

NOUNS = (
    "demo",
    "init",
    "doctor",
    "sources",
    "sync",
    "publish",
    "dagster",
    "quarantine",
    "household",
    "review",
    "policy",
    "audit",
    "keys",
    "serve",
    "schema",
)
"""One module of ``musubi.commands`` each, in the order of a first day."""


class Musubi(Noun):
    """The nouns are imported when they are called; every error ends as a sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the nouns."""
        del ctx
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a noun."""
        del ctx
        if cmd_name not in NOUNS:
            return None
        found: click.Command = import_module(f"musubi.commands.{cmd_name}").command
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; nothing but click's own signals leaves as an exception."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing of a record may be printed
            raise stopped(error) from None


def _speak(ctx: click.Context, _param: click.Parameter, value: str) -> str:
    ctx.meta[LANGUAGE] = value
    return value


@click.group(cls=Musubi, help="musubi", context_settings={"help_option_names": ["-h", "--help"]})
@option("--lang", type=click.Choice(LANGUAGES), default=chosen_language, is_eager=True, callback=_speak)
@option(
    "--workspace",
    "-w",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    envvar="MUSUBI_WORKSPACE",
    show_envvar=True,
)
@click.version_option(version("musubi"), prog_name="musubi", cls=Option)
@click.pass_context
def command(ctx: click.Context, lang: str, workspace: Path) -> None:
    """Find what a call needs."""
    ctx.obj = Call(workspace, words(lang))


def main() -> None:
    """Run the command as a program."""
    command(prog_name="musubi")
