"""Labels of coded facts, one TOML file per language beside the words of the pages."""

import tomllib
from functools import cache
from importlib.resources import files

from desk.views import Fact

LEVELS = {
    "care_certification": "level_care",
    "disability_support_level": "level_support",
    "techo_physical": "level_techo",
    "techo_intellectual": "level_techo",
    "techo_mental": "level_techo",
}
"""Which scale a fact's level is read on; every other level is a word of its own."""


class CodeLabels:
    """The labels of one language; a code nobody named is shown as it stands."""

    def __init__(self, tables: dict[str, dict[str, str]]) -> None:
        self._tables = tables

    def code(self, fact: Fact) -> str:
        """Say what the fact is about."""
        if fact.kind == "kinship":
            return self.kin(fact.code)
        return self._tables["code"].get(fact.code, fact.code)

    def level(self, fact: Fact) -> str:
        """Say its level, grade or qualifier."""
        return self._tables[LEVELS.get(fact.code, "level")].get(fact.level, fact.level)

    def status(self, fact: Fact) -> str:
        """Say how it stands or came about."""
        return self._tables["status"].get(fact.status, fact.status)

    def detail(self, name: str) -> str:
        """Name one of its details."""
        return self._tables["detail"].get(name, name)

    def value(self, text: str) -> str:
        """Say the value of one of its details."""
        return self._tables["value"].get(text, text)

    def kin(self, code: str) -> str:
        """Say a 続柄 code or chain of codes (child of the child: 20,20)."""
        kin = self._tables["kin"]
        return self._tables["chain"]["of"].join(kin.get(part, part) for part in code.split(",")) if code else ""


@cache
def code_labels(language: str) -> CodeLabels:
    """Read a language's labels once."""
    text = files("desk").joinpath("locale", f"codes.{language}.toml").read_text("utf-8")
    return CodeLabels(tomllib.loads(text))
