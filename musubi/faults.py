"""What a person reads when a command stops, and the exit code that goes with it; never a value of a record.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 done but records wait in quarantine, 4 a guard
stopped it. Errors raised on purpose carry their own code; any other says only what kind it was and where.
"""

import traceback
from pathlib import Path
from typing import IO, Any

import click

from desk.languages import catalogue
from desk.refusals import NotShown, QueryRefused
from musubi.texts import Catalogue, words_of
from schemas.errors import MusubiError

HOUSE = Path(__file__).parent.parent
"""Below here lies Musubi's own code; only such places are named."""
BROKEN = 1


class Stopped(click.ClickException):
    """A command that stopped; printed on standard error."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code  # type: ignore[misc]  # every error brings its own

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the text as it stands."""
        click.echo(self.message, file=file, err=file is None)


def stopped(error: Exception) -> Stopped:
    """Turn an error into what is printed."""
    words = words_of(click.get_current_context(silent=True))
    if isinstance(error, MusubiError):
        return Stopped(_meant(error, words), error.exit_code)
    return Stopped(words("error.unexpected", kind=type(error).__name__, place=_place(error)), BROKEN)


def _meant(error: MusubiError, words: Catalogue) -> str:
    desk = catalogue(words.language)
    match error:
        case QueryRefused():
            return desk(f"error.{error.code}")
        case NotShown():
            return desk("error.not_found")
    for kind in type(error).__mro__:
        if heading := words.words.get(f"error.{kind.__name__}"):
            return f"{heading}\n  {error}"
    return str(error)


def _place(error: Exception) -> str:
    """Name the last of our own lines that the error came through; exception texts may quote records."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(HOUSE) and ".venv" not in frame.filename]
    last = (own or frames)[-1] if frames else None
    if last is None:
        return "?"
    path = Path(last.filename)
    return f"{path.relative_to(HOUSE) if path.is_relative_to(HOUSE) else path.name}:{last.lineno}"
