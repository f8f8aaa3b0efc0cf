"""The names Musubi shares with FHIR: ``terms.toml``, read once."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from schemas.values.identifiers import Identifier


@cache
def terms() -> dict[str, Any]:
    """Give the whole table."""
    return tomllib.loads((Path(__file__).parent / "terms.toml").read_text("utf-8"))


def own(name: str) -> str:
    """Give a URI of the project."""
    return str(terms()["own"][name])


def hl7(name: str) -> str:
    """Give a URI of HL7."""
    return str(terms()["hl7"][name])


def table(name: str) -> dict[str, str]:
    """Give one correspondence of codes."""
    found: dict[str, str] = terms()[name]
    return found


def number_system(kind: str, issuer: str) -> str:
    """Give the system of a number; ``read_system`` is its inverse."""
    prefix = next((prefix for prefix, known in table("issuer_systems").items() if known == kind), "")
    if prefix and issuer:
        return prefix + quote(issuer, safe="")
    return f"{own('number')}{quote(issuer, safe='')}:{quote(kind, safe='')}"


def is_denied(kind: str) -> bool:
    """Whether numbers of a kind never pass (個人番号)."""
    return kind.lower() in terms()["denied_kinds"]


def read_system(system: str, value: str) -> Identifier | None:
    """Read a number; None where the system is not known or its numbers never pass."""
    if system.startswith(own("number")):
        issuer, found, kind = system.removeprefix(own("number")).partition(":")
        taken = found and kind and not is_denied(unquote(kind))
        return Identifier(unquote(kind), value, unquote(issuer)) if taken else None
    for prefix, kind in table("issuer_systems").items():
        if system.startswith(prefix) and system != prefix:
            return Identifier(kind, value, unquote(system.removeprefix(prefix)))
    known = table("systems").get(system)
    return Identifier(known, value) if known else None
