"""The command's words: both languages say the same things, and everything it can say is in them."""

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from linkage.scoring import CONDITIONS, level_names
from musubi.checkup import CHECKS
from musubi.command import NOUNS, command
from musubi.texts import LANGUAGES, Option, words
from privacy.audit import Fault
from schemas.vocabulary import MentionRole

PLACES = re.compile(r"{(\w+)")


def leaves(noun: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, noun
    if isinstance(noun, click.Group):
        ctx = click.Context(noun)
        for name in noun.list_commands(ctx):
            below = noun.get_command(ctx, name)
            assert below is not None
            yield from leaves(below, (*path, name))


EVERY = dict(leaves(command))


def test_both_languages_have_the_same_keys_and_places():
    ja, en = (words(language).words for language in LANGUAGES)
    assert ja.keys() == en.keys()
    assert {key: set(PLACES.findall(text)) for key, text in ja.items()} == {
        key: set(PLACES.findall(text)) for key, text in en.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_said_that_no_command_has(language):
    known = words(language).words
    spoken = [(one.help, param.name) for one in EVERY.values() for param in one.params if isinstance(param, Option)]
    said = {key.removeprefix("option.") for key in known if key.startswith("option.")}
    assert {key for key in said if "." not in key} == {name for _, name in spoken} | {"help"}
    assert {key for key in said if "." in key} <= {f"{one}.{name}" for one, name in spoken}
    assert {key.removeprefix("help.") for key in known if key.startswith("help.")} == {
        one.help for one in EVERY.values()
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_explains_itself(path, language):
    result = CliRunner().invoke(command, ["--lang", language, *path, "--help"])
    assert result.exit_code == 0, result.output
    first = words(language)(f"help.{EVERY[path].help}").strip().splitlines()[0]
    assert first in result.output
    assert words(language)("option.help") in result.output


def test_help_lists_every_noun_in_the_order_of_a_first_day():
    listed = CliRunner().invoke(command, ["--help"]).output
    places = [listed.index(f"\n  {noun} ") for noun in NOUNS]
    assert places == sorted(places)


@pytest.mark.parametrize("language", LANGUAGES)
def test_closed_vocabularies_are_named(language):
    known = words(language).words
    wanted = [f"mention_role.{role}" for role in MentionRole] + [f"audit_fault.{fault}" for fault in Fault]
    wanted += [f"comparison.{name}" for name in CONDITIONS]
    wanted += [f"level.{level}" for name in CONDITIONS for level in level_names(name)]
    assert [key for key in wanted if key not in known] == []


def test_first_lines_of_help_fit_a_terminal():
    for language in LANGUAGES:
        for key, text in words(language).words.items():
            if key.startswith("help."):
                line = text.strip().splitlines()[0]
                assert sum(2 if ord(letter) > 0x2E7F else 1 for letter in line) <= 80, key


def test_language_follows_the_environment_and_the_option(monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    spoken = {}
    for lang in ("C.UTF-8", "en_US.UTF-8", "ja_JP.UTF-8"):
        monkeypatch.setenv("LANG", lang)
        spoken[lang] = CliRunner().invoke(command, ["serve", "--help"]).output
    assert words("ja")("help.serve") in spoken["C.UTF-8"]
    assert words("en")("help.serve") in spoken["en_US.UTF-8"]
    assert words("ja")("help.serve") in CliRunner().invoke(command, ["--lang", "ja", "serve", "--help"]).output


def test_doctor_has_a_name_for_each_check():
    assert len(CHECKS) == len({check.__name__ for check in CHECKS.values()})
