"""How right the persons and households are, against a truth file that linkage itself never reads.

The truth is a CSV: source, record_key, role (``role`` or ``role/number``), person, register_household,
living_household; one line per mention.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import Engine, select

from linkage.evidence import identifier_kinds
from linkage.reading import read_frame
from schemas.tables import household, membership, mention, mention_identifier, person_mention, source_record

KeyToken = Callable[[str, str], int]
"""(source id, record key) → the keyed token under which the record is stored."""


@dataclass(frozen=True)
class Measure:
    """Shares of right pairs among the found ones (precision) and the true ones (recall)."""

    precision: float
    recall: float
    f1: float
    true_pairs: int
    found_pairs: int
    right_pairs: int


@dataclass(frozen=True)
class Accuracy:
    """``persons``: pairs of mentions that are one person; ``unaided``: those of them that share no strong number.

    ``households``: pairs of true persons in one living household. ``mentions``: how many lines of the truth the
    store holds.
    """

    persons: Measure
    unaided: Measure
    households: Measure
    mentions: int


def evaluate(engine: Engine, truth_path: Path, key_token_of: KeyToken) -> Accuracy:
    """Compare the store with the truth file. Mentions that never reached the store (quarantine) are left out."""
    known = _known_mentions(engine, _truth(truth_path, key_token_of))
    every = _measure(known, "person", "person_id")
    aided = _aided(engine, known)
    return Accuracy(
        persons=_of(*every),
        unaided=_of(*(whole - part for whole, part in zip(every, aided, strict=True))),
        households=_households(engine, known),
        mentions=known.height,
    )


def _truth(path: Path, key_token_of: KeyToken) -> pl.DataFrame:
    truth = pl.read_csv(path, infer_schema=False).with_columns(pl.all().fill_null(""))
    parts = truth["role"].str.splitn("/", 2)
    keys = truth.select("source", "record_key").unique()
    tokens = [key_token_of(source, key) for source, key in keys.iter_rows()]
    return (
        truth.with_columns(
            role=parts.struct.field("field_0"),
            seq=parts.struct.field("field_1").fill_null("0").cast(pl.Int64),
        )
        .join(keys.with_columns(key_token=pl.Series(tokens, dtype=pl.Int64)), on=["source", "record_key"])
        .unique(["source", "record_key", "role", "seq"], keep="first")
    )


def _known_mentions(engine: Engine, truth: pl.DataFrame) -> pl.DataFrame:
    query = (
        select(
            source_record.c.source_id.label("source"),
            source_record.c.key_token,
            mention.c.role,
            mention.c.seq,
            mention.c.mention_id,
            mention.c.version_id,
            person_mention.c.person_id,
        )
        .join(mention, mention.c.record_id == source_record.c.record_id)
        .join(person_mention, person_mention.c.mention_id == mention.c.mention_id)
    )
    with engine.connect() as connection:
        held = read_frame(connection, query)
    return held.cast({"role": pl.String}).join(truth, on=["source", "key_token", "role", "seq"])


def _pairs(sizes: pl.Series) -> int:
    counts = sizes.to_numpy().astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def _measure(frame: pl.DataFrame, truth: str, found: str) -> tuple[int, int, int]:
    """Count true, found and right pairs without listing them."""
    return (
        _pairs(frame.group_by(truth).len()["len"]),
        _pairs(frame.group_by(found).len()["len"]),
        _pairs(frame.group_by(truth, found).len()["len"]),
    )


def _aided(engine: Engine, known: pl.DataFrame) -> tuple[int, int, int]:
    """Count the pairs that do share a strong number: true, found, right."""
    strong = sorted(identifier_kinds().strong)
    columns = (
        mention_identifier.c.version_id,
        mention_identifier.c.kind,
        mention_identifier.c.issuer,
        mention_identifier.c.token,
    )
    with engine.connect() as connection:
        numbers = read_frame(connection, select(*columns).where(mention_identifier.c.kind.in_(strong)))
    mine = numbers.join(known.select("version_id", "mention_id", "person", "person_id"), on="version_id")
    sharing = (
        mine.join(mine, on=["kind", "issuer", "token"], suffix="_b")
        .filter(pl.col("mention_id") < pl.col("mention_id_b"))
        .unique(["mention_id", "mention_id_b"])
    )
    true, found = pl.col("person") == pl.col("person_b"), pl.col("person_id") == pl.col("person_id_b")
    return sharing.filter(true).height, sharing.filter(found).height, sharing.filter(true & found).height


def _households(engine: Engine, known: pl.DataFrame) -> Measure:
    """Pairs of true persons: together in truth, together in any current living household."""
    query = (
        select(membership.c.household_id, membership.c.person_id)
        .join(household, household.c.household_id == membership.c.household_id)
        .where(household.c.kind == "living", membership.c.valid_to == "")
    )
    with engine.connect() as connection:
        members = read_frame(connection, query)
    homes = known.filter(pl.col("living_household") != "").select("person", "living_household").unique("person")
    people = homes.select("person")
    true = _listed(homes.select("person", group="living_household"))
    placed = known.join(members, on="person_id").join(people, on="person")
    found = _listed(placed.select("person", group="household_id").unique())
    right = true.join(found, on=["one", "other"]).height
    return _of(true.height, found.height, right)


def _listed(frame: pl.DataFrame) -> pl.DataFrame:
    pairs = frame.join(frame, on="group", suffix="_b").filter(pl.col("person") < pl.col("person_b"))
    return pairs.select(one="person", other="person_b").unique()


def _of(true: int, found: int, right: int) -> Measure:
    precision = right / found if found else 1.0
    recall = right / true if true else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Measure(precision, recall, f1, true, found, right)
