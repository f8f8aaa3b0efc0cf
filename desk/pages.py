"""Render pages: Jinja templates, escaped always, undefined never."""

from datetime import datetime
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from desk.codes import code_labels
from desk.languages import catalogue
from schemas.values.dates import PartialDate, format_era

MONTH = 7
"""Characters of an ISO date that name year and month."""
TOKYO = ZoneInfo("Asia/Tokyo")
PROGRAMMES = ("elderly", "disability", "child", "poverty", "education", "medical", "integrated")
"""Columns of the matrix of involvement, in the order of the four consultation programmes and their partners."""


class Pages:
    """The templates of the console."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("desk"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["tokyo"] = tokyo
        self._environment.globals["age_at"] = age_at
        self._environment.globals["era"] = era
        self._environment.globals["programmes"] = PROGRAMMES

    def render(self, name: str, language: str, **values: object) -> str:
        """Return one page in one language."""
        return self._environment.get_template(f"{name}.html").render(
            t=catalogue(language), codes=code_labels(language), language=language, page=name, **values
        )


def age_at(birth: str, instant: str) -> int | None:
    """Return the age in whole years on the day of an instant in Tokyo; None where what is known does not tell.

    >>> age_at("1986-03-05", "2026-11-24T05:00:00+00:00"), age_at("1986-11", "2026-11-24T05:00:00+00:00")
    (40, None)
    """
    today = datetime.fromisoformat(instant).astimezone(TOKYO).date().isoformat()
    known = len(birth)
    if known < MONTH or (known == MONTH and birth[5:] == today[5:MONTH]):
        return None
    return int(today[:4]) - int(birth[:4]) - (today[5:known] < birth[5:])


def era(value: str) -> str:
    """Return an ISO date, whole or partial, in the Japanese calendar."""
    return format_era(PartialDate(value, "day" if len(value) > MONTH else "month" if len(value) == MONTH else "year"))


def tokyo(instant: str) -> str:
    """Return a UTC instant as the clock on the wall in Tokyo shows it.

    >>> tokyo("2026-11-24T05:04:06Z")
    '2026-11-24 14:04:06 JST'
    """
    if not instant:
        return ""
    return datetime.fromisoformat(instant).astimezone(TOKYO).strftime("%Y-%m-%d %H:%M:%S JST")
