"""The integrator's guide lists every code the product can emit, works as written, and its reference is current."""

import ast
import re
from pathlib import Path

import pytest

from connectors.mapping import Mapper
from connectors.sources import load_source
from schemas.reference import description, keys, written
from schemas.vocabulary import MentionRole
from tests.fakes.bad_input import CASES

ROOT = Path(__file__).parents[3]
GUIDES = ("integrator.md", "integrator.ja.md")
NO_CODES = {"done-with-quarantine", "entered-in-error", "site-packages"}
"""Words of code shape that are none: a run's state, a FHIR status, a directory."""
CODE = re.compile(r"[a-z]+(?:-[a-z]+)+")
SINGLE = {"nul", "formula", "undecodable", "encoding", "truncated"}
"""Codes of one word, which no pattern tells from other words."""


def guide(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def emitted() -> set[str]:
    """Collect every string of the shape of a code in the rooms that emit codes."""
    found = set(SINGLE) | {"individual-number-cut"}
    for path in [*(ROOT / "connectors").rglob("*.py"), *(ROOT / "pipelines").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.add(node.value)
    return found - NO_CODES


def listed(page: str) -> set[str]:
    """Collect the codes of the guide's tables."""
    return set(re.findall(r"^\| `([a-z-]+)` \|", page.partition("<!-- reference")[0], re.MULTILINE))


@pytest.mark.parametrize("name", GUIDES)
def test_the_guide_lists_every_code_and_no_other(name: str) -> None:
    drops = {f"{why}-column-dropped" for why in ("individual-number", "informant", "restricted")}
    parts = {part for part in listed(guide(name)) if part.isalpha() and part not in SINGLE}
    assert listed(guide(name)) - parts == emitted() | drops


def test_the_catalogue_meets_no_code_the_guide_lacks() -> None:
    met = {case.code for case in CASES if case.code}
    assert met <= listed(guide("integrator.md"))
    assert len(met) > 25


def test_every_key_says_what_it_does_and_the_reference_is_current() -> None:
    assert [(model.__name__, key) for model, key, _ in keys() if not description(model, key)] == []
    page = guide("integrator.md")
    assert written(page) == page, "run `python -m schemas.reference docs/integrator.md`"
    assert "| `quiet_seconds` |" in page


@pytest.mark.parametrize("name", GUIDES)
def test_the_source_made_step_by_step_works_as_written(tmp_path: Path, name: str) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", guide(name), re.DOTALL)
    with_preset, steps = blocks[0], "\n".join(blocks[1:])
    legal = with_preset[with_preset.index("[legal]") : with_preset.index("[rename]")]
    (tmp_path / "kaigo.toml").write_text(with_preset, "utf-8")
    (tmp_path / "meals.toml").write_text(steps + legal, "utf-8")
    assert load_source(tmp_path / "kaigo.toml").rename == {"被保番": "被保険者番号"}
    definition = load_source(tmp_path / "meals.toml")
    header, row = (
        line.split() for line in re.findall(r"```\n(整理番.*?)```", guide(name), re.DOTALL)[0].splitlines()
    )
    draft = Mapper(definition, header).map(row, 2)
    child, guardian = draft.mentions
    assert (child.role, guardian.role) == (MentionRole.SUBJECT, MentionRole.GUARDIAN)
    assert child.birth is not None
    assert child.birth.value == "2014-05-12"
    assert guardian.addresses == child.addresses[:1]
    assert {fact.code for mention in draft.mentions for fact in mention.facts} == {"money", "52"}
