"""Which persons hold a joint key: how a night's few changes find their neighbours without reading a city.

An entry is a key and a person. Entries are sorted by key and cut into parts by the key's first bits; a part is stored
as bytes, since a row of its own for every entry would cost more than all linking. A run adds a segment for what it
changed. An entry that is out of date leads to a person who is looked at in vain; none is missing for a mention that
is not touched.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
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
"""Segments beside the first before they are made one."""


@dataclass(frozen=True)
class _Segment:
    number: int
    bits: int
    entries: int

    def part_of(self, keys: np.ndarray) -> np.ndarray:
        """Give the part in which each key stands."""
        return (keys >> np.uint64(64 - self.bits)).astype(np.int64) if self.bits else np.zeros(len(keys), np.int64)


@dataclass(frozen=True)
class Postings:
    """The entries of a store, of mentions as they were after the last run."""

    make: str
    """What keys are made of; entries of another make are of no use."""
    mentions: int
    """How many mentions there were when the first segment was written."""
    segments: tuple[_Segment, ...]

    @classmethod
    def open(cls, connection: Connection, make: str) -> Self | None:
        """Open the entries of a store; None where there are none of this make."""
        text = connection.execute(select(setting.c.value).where(setting.c.name == _SETTING)).scalar()
        found = json.loads(text or "{}")
        if found.get("make") != make:
            return None
        return cls(make, found["mentions"], tuple(_Segment(**one) for one in found["segments"]))

    def persons(self, connection: Connection, keys: np.ndarray) -> pl.Series:
        """Give the persons that hold any of the keys, as they were called when the entry was written."""
        keys = np.unique(keys.view(np.uint64))
        found = [np.empty(0, np.int64)]
        for segment in self.segments:
            entries = _read(connection, segment, np.unique(segment.part_of(keys)))
            stored = np.ascontiguousarray(entries["key"])
            first, last = np.searchsorted(stored, keys, "left"), np.searchsorted(stored, keys, "right")
            counts = last - first
            at = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
            found.append(entries["person"][at])
        return pl.Series("person_id", np.concatenate(found)).unique().sort()

    def add(self, engine: Engine, keys: np.ndarray, persons: np.ndarray) -> None:
        """Add the keys of mentions that changed or moved."""
        fresh = _sorted(_entries(keys, persons))
        first, *later = self.segments
        merged = later if len(later) >= _SEGMENTS else []
        if len(fresh) + sum(one.entries for one in merged) > first.entries // 2:
            merged = list(self.segments)
        with engine.connect() as connection:
            parts = [fresh, *(_read(connection, one, None) for one in merged)]
        kept = tuple(one for one in self.segments if one not in merged)
        self.write(engine, kept, _sorted(np.concatenate(parts)))

    @classmethod
    def build(cls, engine: Engine, make: str, mentions: int, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """Write all entries anew, given as arrays of keys and persons."""
        entries = _sorted(np.concatenate([_sorted(_entries(*part)) for part in parts]))
        cls(make, mentions, ()).write(engine, (), entries)

    def write(self, engine: Engine, kept: tuple[_Segment, ...], entries: np.ndarray) -> None:
        """Write a segment, then let it count instead of those that are not kept, then remove these."""
        with engine.connect() as connection:
            last = connection.execute(select(func.max(posting.c.segment))).scalar() or 0
        segment = _Segment(last + 1, max(0, ceil(log2(max(1, len(entries)) / _PART))), len(entries))
        bounds = np.searchsorted(segment.part_of(entries["key"]), np.arange(2**segment.bits + 1))
        for first in range(0, 2**segment.bits, _STEP):
            numbers = range(first, min(first + _STEP, 2**segment.bits))
            rows = [(segment.number, part, entries[bounds[part] : bounds[part + 1]].tobytes()) for part in numbers]
            with engine.begin() as connection:
                bulk_insert(connection, posting, rows)
        told = {"make": self.make, "mentions": self.mentions, "segments": [asdict(one) for one in (*kept, segment)]}
        with engine.begin() as connection:
            here = setting.c.name == _SETTING
            if not connection.execute(update(setting).where(here).values(value=json.dumps(told))).rowcount:
                connection.execute(insert(setting).values(name=_SETTING, value=json.dumps(told)))
        _remove_others(engine, [one.number for one in (*kept, segment)])


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
