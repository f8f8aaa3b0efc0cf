"""Merges that must never happen: counted in a linked store, by rules written anew and not by linkage's own.

Two numbers of one kind that a person holds one at a time, from one issuer, valid on one day; two people who stand on
the resident register; twins (one birth date, one household); namesakes. A person is there by a record of his or her
own; a mere mention in somebody else's record that went to the twin or namesake is counted apart. Beside each stands
how many there were to be confused, so that none means something.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from sqlalchemy import Engine, text

from pipelines.rows import record_token
from pipelines.site import Site
from privacy.tokens import TokenMinter

NUMBERS = """
    SELECT pm.person_id, i.kind, i.issuer, i.token, i.valid_from, i.valid_to, f.valid_from, f.valid_to
    FROM person_mention pm
    JOIN mention m ON m.mention_id = pm.mention_id
    JOIN source_record r ON r.record_id = m.record_id AND r.deleted = 0
    JOIN mention_identifier i ON i.version_id = m.version_id AND i.kind IN ('atena', 'kaigo')
    LEFT JOIN fact f ON f.mention_id = m.mention_id AND f.kind = 'residence' AND f.category = 'identity'
        AND i.kind = 'atena'
"""
"""宛名番号 and 被保険者番号; the 宛名番号 is valid while the residence lasts that is stated beside it."""
MENTIONS = """
    SELECT r.source_id, r.key_token, m.role, m.seq, pm.person_id FROM person_mention pm
    JOIN mention m ON m.mention_id = pm.mention_id JOIN source_record r ON r.record_id = m.record_id
"""
Pair = frozenset[str]


@dataclass(frozen=True)
class Forbidden:
    """What was merged that must not be, and how much there was to confuse."""

    numbers: int
    """Persons who hold two numbers on one day."""
    residents: int
    """Pairs of people on the register who became one person by their register rows."""
    twins: int
    namesakes: int
    """Pairs of twins, of namesakes, of whom records of their own became one person."""
    strayed: int
    """Pairs of either of whom somebody else's record names one, and that mention went to the other."""
    twin_pairs: int
    namesake_pairs: int
    several_numbers: int
    """Persons who hold several numbers one after another, rightly."""

    @property
    def merges(self) -> int:
        return self.numbers + self.residents + self.twins + self.namesakes


def forbidden_merges(site: Site, truth: Path, ledger: Path) -> Forbidden:
    """Count in a linked store; ``truth`` and the register's delivery say who is who."""
    several, clashing = _numbers(site.engine)
    people = _people(site, truth)
    twins, namesakes = _alike(truth, ledger)
    together = {pair for held in people.values() for pair in _pairs({one for one, _, _ in held})}
    merged = {pair for held in people.values() for pair in _pairs({one for one, own, _ in held if own})}
    registered = [{one for one, _, on_register in held if on_register} for held in people.values()]
    return Forbidden(
        numbers=clashing,
        residents=sum(1 for some in registered for _ in _pairs(some)),
        twins=len(twins & merged),
        namesakes=len(namesakes & merged),
        strayed=len((twins | namesakes) & (together - merged)),
        twin_pairs=len(twins),
        namesake_pairs=len(namesakes),
        several_numbers=several - clashing,
    )


def _numbers(engine: Engine) -> tuple[int, int]:
    """Give how many persons hold several numbers of one kind and issuer, and how many of them on one day."""
    held: defaultdict[tuple[object, ...], defaultdict[int, set[tuple[str, str]]]] = defaultdict(
        lambda: defaultdict(set)
    )
    with engine.connect() as conn:
        for person, kind, issuer, token, start, end, since, until in conn.execute(text(NUMBERS)):
            span = (start, end) if start or end else (since or "", until or "")
            held[person, kind, issuer][token].add(span)
    several = [list(tokens.values()) for tokens in held.values() if len(tokens) > 1]
    clashing = sum(
        any(_share_a_day(_whole(one), _whole(other)) for one, other in combinations(tokens, 2)) for tokens in several
    )
    return len(several), clashing


def _whole(spans: set[tuple[str, str]]) -> tuple[str, str]:
    """Give from when to when a number was valid by all who state it; who states nothing says nothing."""
    stated = [span for span in spans if any(span)] or [("", "")]
    ends = [end for _, end in stated]
    return min((start for start, _ in stated if start), default=""), "" if "" in ends else max(ends)


def _share_a_day(one: tuple[str, str], other: tuple[str, str]) -> bool:
    starts = max(one[0], other[0])
    return all(not end or starts < end for end in (one[1], other[1]))


def _people(site: Site, truth: Path) -> dict[int, set[tuple[str, bool, bool]]]:
    """Give for each found person the true people in it, whether by a record of their own, and by the register's."""
    minter = TokenMinter(site.keyring)
    with site.engine.connect() as conn:
        found = {tuple(row[:4]): row[4] for row in conn.execute(text(MENTIONS))}
    people: defaultdict[int, set[tuple[str, bool, bool]]] = defaultdict(set)
    for row in _read(truth, "utf-8"):
        role, _, number = row["role"].partition("/")
        place = (row["source"], record_token(minter, row["source"], row["record_key"]), role, int(number or 0))
        if (person := found.get(place)) is not None:
            own = role in {"subject", "recipient"}
            people[person].add((row["person"], own, own and row["source"] == "ledger"))
    return people


def _alike(truth: Path, ledger: Path) -> tuple[set[Pair], set[Pair]]:
    """Give the pairs of twins and of namesakes among those on the register."""
    person = {
        row["record_key"]: row["person"]
        for row in _read(truth, "utf-8")
        if row["source"] == "ledger" and row["role"] == "subject"
    }
    births: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    names: defaultdict[str, set[str]] = defaultdict(set)
    for row in _read(ledger, "cp932"):
        who = person.get(row["宛名番号"])
        if who is not None and row["最新フラグ"] == "1":
            births[row["生年月日"], row["世帯番号"]].add(who)
            names["".join(row["氏名"].split())].add(who)
    return ({pair for some in group.values() for pair in _pairs(some)} for group in (births, names))


def _pairs(people: Iterable[str]) -> list[Pair]:
    return [frozenset(pair) for pair in combinations(sorted(people), 2)]


def _read(path: Path, encoding: str) -> Iterator[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        yield from csv.DictReader(file)
