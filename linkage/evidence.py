"""What linkage reads of a workspace: one row per living mention, tokens only, never an opened identity.

A *node* is the row number of a mention in an order that depends on what was delivered and not on when it
arrived (source, keyed record key, role, number in role), so that every tie breaks alike in every feeding order.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import polars as pl
from sqlalchemy import Column, Connection, Engine, SmallInteger, Table, case, or_, select, type_coerce

from linkage.model import model_text
from linkage.reading import Query, read_by, read_frame, read_whole
from schemas.tables import (
    PHONE_TOKENS,
    PLACE_TOKENS,
    TOKEN_COLUMNS,
    fact,
    mention,
    mention_alias,
    mention_identifier,
    mention_version,
    protection,
    protection_party,
    source_record,
)
from schemas.vocabulary import Category, FactKind, MentionRole

WHERE_KINDS = (*PLACE_TOKENS, *PHONE_TOKENS)
"""Tokens that tell where a person can be found; never evidence about a protected person."""

RECOGNISED = ("name_loose", "kana_full", "given_folded", "kana_given", "birth_date")
"""Tokens by which a mention may be a protected person's: one of the names with the birth date."""

UNUSED = frozenset({"name_exact", "kana_exact", "kana_initial"})
"""Tokens that serve search only."""
TOKENS = tuple(kind for kind in TOKEN_COLUMNS if kind not in UNUSED)

ADDRESS_SINCE = "address_since"
"""Code of the residence fact that says since when somebody lives at an address (住所を定めた年月日)."""
STATUS, SINCE, KIN, AWAY = range(4)
"""What a fact tells: being a resident (住民状態), an address since when, 続柄, living away."""


@dataclass(frozen=True)
class IdentifierKinds:
    """What a number of each kind may prove (``model/identifiers.toml``)."""

    strong: frozenset[str]
    exclusive: frozenset[str]
    residential: frozenset[str]


@dataclass(frozen=True)
class Evidence:
    """Living mentions: all of them, or a neighbourhood whose records are whole.

    ``mentions``: node, mention_id, record_id, source_id, role, sex, birth_year, died, history, closed_as_of and the
    tokens of ``TOKENS``. ``aliases``: node, kind, token. ``identifiers``: node, kind, issuer, token, number (the
    three in one), valid_from, valid_to; strong kinds only. A number without a span of its own has that of the
    residence (住民となった日, 転出日) stated beside it, if any.
    """

    mentions: pl.DataFrame
    aliases: pl.DataFrame
    identifiers: pl.DataFrame
    company: pl.DataFrame
    """node, token: the places (``town_lot``) of those named in one record with a mention that has no place."""
    facts: pl.DataFrame
    """mention_id, other_mention_id, tells (STATUS, SINCE, KIN, AWAY), code, valid_from, valid_to."""
    protected: pl.Series
    """Nodes of protected persons."""


@lru_cache(1)
def identifier_kinds() -> IdentifierKinds:
    """Read which identifier kinds are strong and which are exclusive."""
    kinds = tomllib.loads(model_text("identifiers.toml"))["kinds"]
    return IdentifierKinds(
        frozenset(kind for kind, rule in kinds.items() if rule.get("strong")),
        frozenset(kind for kind, rule in kinds.items() if rule.get("exclusive")),
        frozenset(kind for kind, rule in kinds.items() if rule.get("residential")),
    )


def read_evidence(engine: Engine, mention_ids: Iterable[int] | None = None) -> Evidence:
    """Read what the store holds of all mentions, or of some and of those named beside them in a record."""
    if mention_ids is not None:
        shelf = Shelf(engine)
        shelf.add(pl.Series(mention_ids, dtype=pl.Int64))
        return shelf.evidence()
    with engine.connect() as connection:
        guarded = _guarded(connection)
    return _assembled(read_whole(engine, _QUERIES), guarded)


def read_past(engine: Engine, mention_ids: pl.Series) -> Evidence:
    """Read the versions of some mentions that are not swept away yet, present ones among them; tokens alone."""
    version = mention_version.c
    query = select(version.version_id, *(version[kind] for kind in TOKENS))
    with engine.connect() as connection:
        versions = read_by(connection, query, version.mention_id, mention_ids)
        ids = versions["version_id"]
        numbers = read_by(connection, _QUERIES[mention_identifier], mention_identifier.c.version_id, ids)
    versions = versions.with_row_index("node").with_columns(pl.col("node").cast(pl.Int64))
    numbers = numbers.with_columns(number=_numbered(numbers)).join(
        versions.select("node", "version_id"), on="version_id"
    )
    none = pl.DataFrame(schema={"node": pl.Int64, "kind": pl.Categorical, "token": pl.Int64})
    return Evidence(versions, none, numbers, none.drop("kind"), pl.DataFrame(), versions["node"].clear())


_TELLS = type_coerce(
    case(
        (fact.c.kind == FactKind.KINSHIP.value, KIN),
        (fact.c.kind == FactKind.AWAY.value, AWAY),
        (fact.c.category == Category.IDENTITY.value, STATUS),
        else_=SINCE,
    ),
    SmallInteger,
).label("tells")
_RESIDENCE = or_(fact.c.category == Category.IDENTITY.value, fact.c.code == ADDRESS_SINCE)
_QUERIES: dict[Table, Query] = {
    mention_version: select(
        mention_version.c.version_id,
        mention_version.c.sex,
        mention_version.c.birth_year,
        mention_version.c.died,
        *(mention_version.c[kind] for kind in TOKENS),
    ),
    fact: select(
        fact.c.mention_id, fact.c.other_mention_id, _TELLS, fact.c.code, fact.c.valid_from, fact.c.valid_to
    ).where(
        fact.c.kind.in_([FactKind.RESIDENCE.value, FactKind.KINSHIP.value, FactKind.AWAY.value]),
        or_(fact.c.kind != FactKind.RESIDENCE.value, _RESIDENCE),
    ),
    mention: select(mention.c.mention_id, mention.c.record_id, mention.c.role, mention.c.seq, mention.c.version_id),
    mention_alias: select(mention_alias).where(mention_alias.c.kind.in_(TOKENS)),
    mention_identifier: select(mention_identifier).where(
        mention_identifier.c.kind.in_(sorted(identifier_kinds().strong))
    ),
    source_record: select(
        source_record.c.record_id,
        source_record.c.source_id,
        source_record.c.key_token,
        source_record.c.history,
        source_record.c.closed_as_of,
    ).where(source_record.c.deleted == 0),
}
"""What is read of each table, the largest first."""


class Shelf:
    """The rows read so far, whole records at a time; every row is read once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.connect() as connection:
            self._guarded = _guarded(connection)
            self._frames = {table: read_frame(connection, query.limit(0)) for table, query in _QUERIES.items()}
        self._evidence: Evidence | None = None
        self.add(self._guarded)  # protected persons stand beside whatever is looked at

    def add(self, mention_ids: pl.Series) -> None:
        """Read the records that some mentions stand in."""
        wanted = mention_ids.unique()
        wanted = wanted.filter(~wanted.is_in(self._frames[mention]["mention_id"].implode()))
        if not wanted.len():
            return
        self._evidence = None
        with self._engine.connect() as connection:
            query = select(mention.c.record_id)
            records = read_by(connection, query, mention.c.mention_id, wanted)["record_id"].unique().sort()
            fresh = self._read(connection, mention, mention.c.record_id, records)
            self._read(connection, source_record, source_record.c.record_id, records)
            self._read(connection, fact, fact.c.record_id, records)
            versions = fresh["version_id"].sort()
            for table in (mention_version, mention_alias, mention_identifier):
                self._read(connection, table, table.c.version_id, versions)

    def _read(self, connection: Connection, table: Table, column: Column[int], ids: pl.Series) -> pl.DataFrame:
        fresh = read_by(connection, _QUERIES[table], column, ids)
        self._frames[table] = pl.concat([self._frames[table], fresh])
        return fresh

    def evidence(self) -> Evidence:
        """Put together what was read."""
        if self._evidence is None:
            self._evidence = _assembled(dict(self._frames), self._guarded)
        return self._evidence


def _guarded(connection: Connection) -> pl.Series:
    """Give the ids of protected persons' mentions in orders: hers, and those of who is protected with her."""
    hers = select(protection.c.mention_id)
    theirs = select(protection_party.c.mention_id).where(protection_party.c.part == "with")
    return pl.concat([read_frame(connection, query)["mention_id"] for query in (hers, theirs)]).unique()


def _assembled(frames: dict[Table, pl.DataFrame], guarded: pl.Series) -> Evidence:
    """Put rows together, taking them out of ``frames`` one table after the other."""
    mentions = frames.pop(mention).join(frames.pop(source_record), on="record_id")
    mentions = mentions.sort("source_id", "key_token", "role", "seq").drop("key_token", "seq")
    versions = frames.pop(mention_version)
    at = places(versions["version_id"], mentions["version_id"])
    mentions = mentions.filter(pl.Series(at >= 0, dtype=pl.Boolean)).with_row_index("node")
    mentions = mentions.with_columns(pl.col("node").cast(pl.Int64))
    at = at[at >= 0]
    nodes = np.full(versions.height, -1)
    nodes[at] = np.arange(len(at))
    aliases, identifiers = (
        _placed(frames.pop(table), "version_id", versions["version_id"], nodes)
        for table in (mention_alias, mention_identifier)
    )
    mentions = mentions.drop("version_id").with_columns(versions.drop("version_id")[at])
    del versions, at, nodes
    facts = frames.pop(fact)
    stays = facts.filter(pl.col("tells") == STATUS).select("mention_id", "valid_from", "valid_to")
    stays = _placed(stays, "mention_id", mentions["mention_id"], mentions["node"].to_numpy())
    identifiers = _dated(identifiers, stays, mentions.height).with_columns(number=_numbered(identifiers))
    protected = _protected_nodes(mentions, identifiers, guarded)
    blank = pl.col("node").is_in(protected.implode())
    if protected.len():
        mentions = mentions.with_columns(
            pl.when(blank).then(None).otherwise(pl.col(kind)).alias(kind) for kind in WHERE_KINDS
        )
    mentions = mentions.with_columns(pl.when(pl.col("sex") != "").then("sex").alias("sex"))
    return Evidence(
        mentions,
        aliases.filter(~(pl.col("kind").is_in(WHERE_KINDS) & blank)),
        identifiers,
        _company(mentions.select("node", "record_id", "role", "town_lot").filter(~blank)),
        facts,
        protected,
    )


def mix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mix two arrays of 64-bit integers into one (wrapping arithmetic); the same on every machine."""
    with np.errstate(over="ignore"):
        mixed = first.astype(np.uint64) * _MIX
        mixed ^= mixed >> np.uint64(29)
        mixed = (mixed + second.astype(np.uint64)) * _MIX
        return (mixed ^ (mixed >> np.uint64(32))).view(np.int64)


_MIX = np.uint64(0x9E3779B97F4A7C15)


def _numbered(identifiers: pl.DataFrame) -> pl.Series:
    """One integer per kind, issuer and token."""
    issued = identifiers.select("kind", "issuer").unique()
    codes = [
        int.from_bytes(blake2b(f"{kind}/{issuer}".encode(), digest_size=8).digest(), "big", signed=True)
        for kind, issuer in issued.iter_rows()
    ]
    named = identifiers.join(
        issued.with_columns(code=pl.Series(codes, dtype=pl.Int64)),
        on=["kind", "issuer"],
        how="left",
        maintain_order="left",
    )
    return pl.Series("number", mix(named["code"].to_numpy(), named["token"].to_numpy()))


def _company(mentions: pl.DataFrame) -> pl.DataFrame:
    """Places of the others in a record, for its mentions that have none: who asks for his mother lives near her."""
    named = mentions.filter(pl.col("role") != MentionRole.OPPONENT.value).select("node", "record_id", "town_lot")
    lone = named.filter(pl.col("town_lot").is_null()).select("node", "record_id")
    others = named.drop_nulls("town_lot").select("record_id", pl.col("town_lot").alias("token"))
    return lone.join(others, on="record_id").select("node", "token").unique()


def places(keys: pl.Series, wanted: pl.Series) -> np.ndarray:
    """Tell where each wanted key stands among distinct keys; -1 is nowhere."""
    held, asked = keys.to_numpy(), wanted.to_numpy()
    if not len(held):
        return np.full(len(asked), -1)
    order = np.argsort(held)
    found = order[np.minimum(np.searchsorted(held, asked, sorter=order), len(held) - 1)]
    return np.where(held[found] == asked, found, -1)


def _placed(frame: pl.DataFrame, key: str, keys: pl.Series, nodes: np.ndarray) -> pl.DataFrame:
    """Give rows the node of their key instead of it; rows of no node are left out."""
    at = places(keys, frame[key])
    node = pl.Series("node", np.where(at < 0, -1, nodes[at]))
    return frame.select(node, pl.exclude(key)).filter(node >= 0)


def _dated(identifiers: pl.DataFrame, stays: pl.DataFrame, size: int) -> pl.DataFrame:
    """Give numbers that live as long as the residence its span, where they state none themselves."""
    silent = (
        pl.col("kind").is_in(sorted(identifier_kinds().residential))
        & (pl.col("valid_from") == "")
        & (pl.col("valid_to") == "")
    )
    first = np.full(size, -1)
    first[stays["node"].to_numpy()[::-1]] = np.arange(stays.height)[::-1]  # of several, the first is written last
    rows = pl.Series(first[identifiers["node"].to_numpy()])
    rows = rows.to_frame("row").select(pl.when(pl.col("row") >= 0).then("row")).to_series()
    return identifiers.with_columns(
        pl.when(silent).then(stays[bound].gather(rows).fill_null("")).otherwise(bound).alias(bound)
        for bound in ("valid_from", "valid_to")
    )


def _protected_nodes(mentions: pl.DataFrame, identifiers: pl.DataFrame, guarded_ids: pl.Series) -> pl.Series:
    """Nodes under protection: the ordered mentions, what shares a number, and what shares name and birth date.

    Wider than the person that linkage will find, on purpose: the places of a record that may be hers are not
    evidence either.
    """
    guarded = mentions.filter(pl.col("mention_id").is_in(guarded_ids.implode()))
    found = [guarded["node"]]
    if guarded.height:
        numbers = identifiers.join(guarded.select("node"), on="node")["number"].unique()
        found.append(identifiers.filter(pl.col("number").is_in(numbers.implode()))["node"])
        for kind in RECOGNISED[:-1]:
            keys = guarded.select(kind, "birth_date").drop_nulls().unique()
            found.append(mentions.select("node", kind, "birth_date").join(keys, on=[kind, "birth_date"])["node"])
    return pl.concat(found).unique().sort()
