"""What the pages promise is there: links, files, commands with their options, make targets, guard codes."""

import re
import shlex
from pathlib import Path

import click
import pytest

from musubi.command import command
from musubi.texts import words

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
EXAMPLES = {"srv", "etc", "path", "console", "api", "healthz", "metrics", "fhir"}
"""First parts of absolute paths a page may show: a server's usual places and our own addresses."""
HOSTS = re.compile(r"^(127\.0\.0\.1|c2sp\.org|(.+\.)?example|(www\.)?(hl7|rfc-editor)\.org|.+\.go\.jp)$")
"""Hosts a page may name: this machine, examples, public standards and ministries."""
FENCE = re.compile(r"^ *```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
OURS = re.compile(
    r"^(?:\.ci|connectors|desk|docs|linkage|musubi|pipelines|privacy|requirements|schemas|tests)/[\w./-]*$"
)

each_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)


def slug(heading: str) -> str:
    plain = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return plain.replace(" ", "-")


def headings(page: Path) -> list[tuple[int, str]]:
    text = FENCE.sub("", page.read_text("utf-8"))
    return [(len(marks), title) for marks, title in re.findall(r"^(#+) (.+)$", text, re.MULTILINE)]


def code_of(page: Path) -> list[str]:
    """Lines of code blocks and code spans."""
    text = page.read_text("utf-8")
    blocks = [line.strip() for block in FENCE.findall(text) for line in block.splitlines()]
    return [*blocks, *SPAN.findall(FENCE.sub("", text))]


def spoken(page: Path, program: str) -> list[list[str]]:
    """Give the calls of a program on a page, as words after its name."""
    calls = []
    for line in code_of(page):
        found = re.match(rf"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?{program} (?=[a-z-])(.*)", line)
        if found:
            calls.append(shlex.split(found[1], comments=True))
    return calls


def check_call(call: list[str]) -> None:
    ctx, found = click.Context(command), command
    given = list(call)
    known = {name for parameter in found.params for name in parameter.opts} | {"--help", "-h"}
    while given:
        word = given.pop(0)
        if word.startswith("-"):
            for name in word.partition("=")[0].split("|"):
                assert name in known, f"musubi {' '.join(call)}: no option {name}"
            if word in {"-w", "--workspace"}:
                given.pop(0)
        elif isinstance(found, click.Group):
            inner = found.get_command(ctx, word)
            assert inner is not None, f"musubi {' '.join(call)}: no command {word}"
            found = inner
            known |= {name for parameter in found.params for name in parameter.opts}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in {slug(title) for _, title in headings(to)}, f"{page.name}: {target}"


@each_page
def test_files_named_exist(page: Path) -> None:
    named = [span for span in SPAN.findall(FENCE.sub("", page.read_text("utf-8"))) if OURS.match(span)]
    assert [name for name in named if not (ROOT / name).exists()] == []


@each_page
def test_commands_named_exist(page: Path) -> None:
    for call in spoken(page, "musubi"):
        check_call(call)


@each_page
def test_make_targets_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for call in spoken(page, "make") for word in call if "=" not in word and not word.startswith("-")}
    assert named <= targets


@each_page
def test_no_place_of_one_machine_and_no_foreign_host(page: Path) -> None:
    text = page.read_text("utf-8")
    assert set(re.findall(r"(?<![\w./:)>])/([a-z]+)/", text)) <= EXAMPLES
    hosts = re.findall(r"[a-z]+://(?:[^@/\s]+@)?([\w.-]+)", text)
    assert [host for host in hosts if not HOSTS.match(host)] == []


def test_pages_that_name_commands_are_read_at_all() -> None:
    calls = [call for page in PAGES for call in spoken(page, "musubi")]
    assert ["sync", "--json"] in calls
    assert len(calls) > 50
    with pytest.raises(AssertionError):
        check_call(["sync", "--backwards"])
    with pytest.raises(AssertionError):
        check_call(["quarantine", "forget"])


def test_requirements_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text("utf-8")
        assert "://" not in text
        assert "--index" not in text


@pytest.mark.parametrize("page", [page for page in PAGES if page.name.endswith(".ja.md")], ids=lambda page: page.name)
def test_a_japanese_page_has_the_sections_of_its_english_twin(page: Path) -> None:
    twin = page.with_name(page.name.replace(".ja.md", ".md"))
    assert [level for level, _ in written(page)] == [level for level, _ in written(twin)]


def written(page: Path) -> list[tuple[int, str]]:
    """Headings that people wrote; the reference of keys is generated, in English only."""
    found = headings(page)
    return [(level, title) for level, title in found if level < 4 and not title.endswith(".toml`")]


@pytest.mark.parametrize("name", ["operator.md", "operator.ja.md"])
def test_every_guard_is_explained_to_the_operator(name: str) -> None:
    text = (ROOT / "docs" / name).read_text("utf-8")
    codes = [key.removeprefix("guard.") for key in words("en").words if key.startswith("guard.")]
    assert codes
    assert [code for code in codes if f"`{code}`" not in text] == []
