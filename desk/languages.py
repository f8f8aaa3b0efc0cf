"""The console's words: one TOML catalogue per language, same keys in each (tested)."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("ja", "en")
"""Japanese first; every page exists in both."""


class Catalogue:
    """The words of one language; a missing key is an error, never an empty label."""

    def __init__(self, language: str, words: Mapping[str, str]) -> None:
        self.language = language
        self.words = words

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key with ``{name}`` places filled."""
        return self.words[key].format(**values) if values else self.words[key]

    def label(self, group: str, code: str) -> str:
        """Return the label of a code, or the code itself where the group does not list it."""
        return self.words.get(f"{group}.{code}", code)


@cache
def catalogue(language: str, package: str = "desk") -> Catalogue:
    """Read a language's catalogue of a package once."""
    text = files(package).joinpath("locale", f"{language}.toml").read_text("utf-8")
    return Catalogue(language, dict(_flat("", tomllib.loads(text))))


def _flat(prefix: str, table: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in table.items():
        pairs.extend(_flat(f"{prefix}{name}.", value) if isinstance(value, dict) else [(prefix + name, value)])
    return pairs


def negotiate(chosen: str, accept: str) -> str:
    """Choose the language: the explicit switch, then Accept-Language, then Japanese.

    >>> negotiate("", "fr, en;q=0.8, ja;q=0.5")
    'en'
    """
    if chosen in LANGUAGES:
        return chosen
    weighted = []
    for position, entry in enumerate(accept.split(",")):
        tag, _, parameter = entry.strip().partition(";")
        quality = parameter.strip().removeprefix("q=") or "1"
        if tag.strip()[:2].lower() in LANGUAGES and quality.replace(".", "", 1).isdigit():
            weighted.append((-float(quality), position, tag.strip()[:2].lower()))
    return min(weighted)[2] if weighted else LANGUAGES[0]
