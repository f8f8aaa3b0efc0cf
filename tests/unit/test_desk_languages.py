import re
from string import Formatter

import pytest

from desk.languages import catalogue, negotiate
from schemas.vocabulary import Category, FactKind, Programme, Purpose, StaffRole, Tier


def places_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_say_the_same_things_with_the_same_places() -> None:
    ja, en = catalogue("ja").words, catalogue("en").words
    assert ja.keys() == en.keys()
    places = {key: places_of(ja[key]) for key in ja}
    assert places == {key: places_of(en[key]) for key in en}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_vocabulary_has_a_label(language: str) -> None:
    words = catalogue(language).words
    groups = {
        "category": Category,
        "fact": FactKind,
        "programme": Programme,
        "purpose": Purpose,
        "role": StaffRole,
        "tier": [tier.name.lower() for tier in Tier],
    }
    keys = {f"{group}.{code}" for group, codes in groups.items() for code in codes}
    assert keys - words.keys() == set()


def test_english_pages_hold_japanese_only_as_examples_and_the_name() -> None:
    japanese = [key for key, text in catalogue("en").words.items() if re.search(r"[ぁ-んァ-ヶ一-龠]", text)]
    assert all(key.endswith(("_help", "product", "unreadable")) for key in japanese)


@pytest.mark.parametrize(
    ("chosen", "accept", "language"),
    [
        ("en", "ja", "en"),
        ("xx", "en-GB,en;q=0.9", "en"),
        ("", "", "ja"),
        ("", "fr,de;q=0.5", "ja"),
        ("", "en;q=0.2,ja;q=0.9", "ja"),
        ("", "en;q=abc", "ja"),
    ],
)
def test_language_is_chosen_then_accepted_then_japanese(chosen: str, accept: str, language: str) -> None:
    assert negotiate(chosen, accept) == language
