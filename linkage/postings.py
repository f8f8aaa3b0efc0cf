"""Which persons hold a joint key: how a night's few changes find their neighbours without reading a city.

An entry is a key and a person. Entries are sorted by key and cut into parts by the key's first bits; a part is stored
as bytes, since a row of its own for every entry would cost more than all linking. A look at everything writes a
segment for every rule of blocking, one after the other; a night adds one segment of what it changed. An entry that is
out of date leads to a person who is looked at in vain; none is missing for a mention that is not touched.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil, log2
from typing import Self

import numpy as np
import polars as pl
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from schemas.store import bulk_insert
from schemas.tables import posting, setting

_SETTING = "linkage.postings"
_ENTRY = np.dtype([("key", "<u8"), ("person", "<i8")])
_PART = 256
"""Entries per part, on average."""
_STEP = 500
"""Parts per transaction and per statement."""
_SEGMENTS = 8
"""Segments of nights before they are made one."""
_ANY = -1
"""In place of a rule: a segment with entries of all rules, as nights write it."""

Keyed = Mapping[int, np.ndarray]
"""Joint keys by the rule that made them."""


@dataclass(frozen=True)
class _Segment:
    number: int
    rule: int
    bits: int
    entries: int

    @classmethod
    def of(cls, number: int, rule: int, entries: np.ndarray) -> Self:
        """Describe a segment of sorted entries."""
        return cls(number, rule, max(0, ceil(log2(max(1, len(entries)) / _PART))), len(entries))

    def part_of(self, keys: np.ndarray) -> np.ndarray:
        """Give the part in which each key stands."""
        return (keys >> np.uint64(64 - self.bits)).astype(np.int64) if self.bits else np.zeros(len(keys), np.int64)


@dataclass(frozen=True)
class Postings:
    """The entries of a store, of mentions as they were after the last run."""

    make: str
    """What keys are made of; entries of another make are of no use."""
    mentions: int
    """How many mentions there were when everything was looked at."""
    segments: tuple[_Segment, ...]

    @classmethod
    def open(cls, connection: Connection, make: str) -> Self | None:
        """Open the entries of a store; None where there are none of this make."""
        text = connection.execute(select(setting.c.value).where(setting.c.name == _SETTING)).scalar()
        found = json.loads(text or "{}")
        if found.get("make") != make:
            return None
        return cls(make, found["mentions"], tuple(_Segment(**one) for one in found["segments"]))

    def persons(self, connection: Connection, keyed: Keyed) -> pl.Series:
        """Give the persons that hold any of the keys, as they were called when the entry was written."""
        asked = {rule: np.unique(keys.view(np.uint64)) for rule, keys in keyed.items()}
        asked[_ANY] = np.concatenate([np.empty(0, np.uint64), *asked.values()])
        asked[_ANY].sort()
        found = [np.empty(0, np.int64)]
        for segment in self.segments:
            keys = asked.get(segment.rule, asked[_ANY][:0])
            entries = _read(connection, segment, np.unique(segment.part_of(keys)))
            stored = np.ascontiguousarray(entries["key"])
            first, last = np.searchsorted(stored, keys, "left"), np.searchsorted(stored, keys, "right")
            counts = last - first
            at = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
            found.append(entries["person"][at])
        return pl.Series("person_id", np.concatenate(found)).unique().sort()

    def add(self, engine: Engine, keys: np.ndarray, persons: np.ndarray) -> None:
        """Add the keys of mentions that changed or moved; when these outgrow the rest, the next run begins anew."""
        fresh = _sorted(_entries(keys, persons))
        nights = [one for one in self.segments if one.rule == _ANY]
        base = [one for one in self.segments if one.rule != _ANY]
        if len(fresh) + sum(one.entries for one in nights) > sum(one.entries for one in base) // 2:
            _tell(engine, {})
            return
        merged = nights if len(nights) >= _SEGMENTS else []
        with engine.connect() as connection:
            parts = [fresh, *(_read(connection, one, None) for one in merged)]
            last = connection.execute(select(func.max(posting.c.segment))).scalar() or 0
        segment = _write(engine, last + 1, _ANY, _sorted(np.concatenate(parts)))
        kept = [one for one in self.segments if one not in merged]
        replace(self, segments=(*kept, segment)).publish(engine)

    @classmethod
    def build(cls, engine: Engine, make: str, mentions: int, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """Write all entries anew, given rule by rule as arrays of keys and persons."""
        with engine.connect() as connection:
            last = connection.execute(select(func.max(posting.c.segment))).scalar() or 0
        segments = [
            _write(engine, last + 1 + rule, rule, _sorted(_entries(*part))) for rule, part in enumerate(parts)
        ]
        cls(make, mentions, tuple(segments)).publish(engine)

    def publish(self, engine: Engine) -> None:
        """Let these segments count instead of those before, then remove the others."""
        segments = [asdict(one) for one in self.segments]
        _tell(engine, {"make": self.make, "mentions": self.mentions, "segments": segments})
        _remove_others(engine, [one.number for one in self.segments])


def _write(engine: Engine, number: int, rule: int, entries: np.ndarray) -> _Segment:
    segment = _Segment.of(number, rule, entries)
    bounds = np.searchsorted(segment.part_of(entries["key"]), np.arange(2**segment.bits + 1))
    for first in range(0, 2**segment.bits, _STEP):
        parts = range(first, min(first + _STEP, 2**segment.bits))
        rows = [(number, part, entries[bounds[part] : bounds[part + 1]].tobytes()) for part in parts]
        with engine.begin() as connection:
            bulk_insert(connection, posting, rows)
    return segment


def _tell(engine: Engine, told: dict[str, object]) -> None:
    with engine.begin() as connection:
        here = setting.c.name == _SETTING
        if not connection.execute(update(setting).where(here).values(value=json.dumps(told))).rowcount:
            connection.execute(insert(setting).values(name=_SETTING, value=json.dumps(told)))


def _remove_others(engine: Engine, numbers: list[int]) -> None:
    """Remove segments that do not count, those among them that a killed run left behind."""
    while True:
        with engine.begin() as connection:
            others = posting.c.segment.not_in(numbers)
            found = connection.execute(select(posting.c.segment, posting.c.part).where(others).limit(_STEP)).all()
            if not found:
                return
            [(number, last)] = [found[-1]]
            connection.execute(delete(posting).where(posting.c.segment == number, posting.c.part <= last))


def _entries(keys: np.ndarray, persons: np.ndarray) -> np.ndarray:
    entries = np.empty(len(keys), _ENTRY)
    entries["key"] = keys.view(np.uint64)
    entries["person"] = persons
    return entries


def _sorted(entries: np.ndarray) -> np.ndarray:
    """Sort by key and drop most of the repeats."""
    entries = entries[np.argsort(np.ascontiguousarray(entries["key"]))]
    again = entries[1:] == entries[:-1]
    return np.asarray(entries[np.concatenate([np.ones(min(1, len(entries)), np.bool_), ~again])])


def _read(connection: Connection, segment: _Segment, parts: np.ndarray | None) -> np.ndarray:
    """Read parts of a segment in their order; all where None."""
    query = select(posting.c.entries).where(posting.c.segment == segment.number).order_by(posting.c.part)
    if parts is None or 2 * len(parts) > 2**segment.bits:
        queries = [query]
    else:
        queries = [
            query.where(posting.c.part.in_(parts[first : first + _STEP].tolist()))
            for first in range(0, len(parts), _STEP)
        ]
    stored = [entries for one in queries for entries in connection.execute(one).scalars()]
    return np.frombuffer(b"".join(stored), _ENTRY)
