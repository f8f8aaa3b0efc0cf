"""The command's words, and click commands whose help speaks the chosen language.

One TOML catalogue per language, same keys in each (tested). A command's ``help`` is a key below ``help``, an
option's text stands below ``option`` under the option's own name; nothing is said twice.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from desk.languages import LANGUAGES, Catalogue, catalogue

__all__ = ["LANGUAGES", "Catalogue", "Noun", "Option", "Verb", "chosen_language", "option", "words", "words_of"]

Command = TypeVar("Command", bound=Callable[..., Any])
LANGUAGE = "musubi.language"
"""Where the chosen language stands in a click context's meta."""


def words(language: str) -> Catalogue:
    """Give the command's catalogue of a language."""
    return catalogue(language, "musubi")


def chosen_language() -> str:
    """Give the language of the environment (LC_ALL, LC_MESSAGES, LANG), Japanese where it names neither.

    ``C`` and ``POSIX`` say nothing about people and count as not set.
    """
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name, "")[:2].lower() in LANGUAGES:
            return os.environ[name][:2].lower()
    return LANGUAGES[0]


def words_of(ctx: click.Context | None) -> Catalogue:
    """Give the catalogue of a running command."""
    language = ctx.meta.get(LANGUAGE) if ctx is not None else None
    return words(str(language) if language else chosen_language())


class Option(click.Option):
    """An option whose help is looked up when it is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Say what the option is for in the language of the call; a command may have its own word for it."""
        words = words_of(ctx)
        self.help = words.words.get(f"option.{ctx.command.help}.{self.name}") or words(f"option.{self.name}")
        return super().get_help_record(ctx)


def option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    """Declare an option; its help stands in the catalogues."""
    return click.option(*names, cls=Option, **attributes)


class _Told(click.Command):
    """A command whose help is looked up when it is shown."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help in the language of the call."""
        formatter.write_paragraph()
        with formatter.indentation():
            for line in self._text(ctx).splitlines():
                formatter.write_text(line)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Give the first line of the help."""
        del limit  # the catalogues keep first lines short; cutting Japanese by letters makes nonsense
        return self._text(click.get_current_context(silent=True)).splitlines()[0]

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Give ``--help`` with its own text in the language of the call."""
        found = super().get_help_option(ctx)
        if found is not None:
            found.help = words_of(ctx)("option.help")
        return found

    def _text(self, ctx: click.Context | None) -> str:
        return words_of(ctx)(f"help.{self.help}").strip()


class Verb(_Told):
    """A command that does something."""


class Noun(_Told, click.Group):
    """A command that holds verbs."""

    command_class = Verb
