"""What linkage reads of a workspace: one row per living mention, tokens only, never an opened identity.

A *node* is the row number of a mention in an order that depends on what was delivered and not on when it
arrived (source, keyed record key, role, number in role), so that every tie breaks alike in every feeding order.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, Engine, Select, String, select

from linkage.model import model_text
from schemas.tables import (
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

PLACE_KINDS = ("town_lot", "dwelling", "phone")
"""Tokens that tell where a person can be found; never evidence about a protected person."""

RECOGNISED = ("name_loose", "kana_full", "given_folded", "kana_given", "birth_date")
"""Tokens by which a mention may be a protected person's: one of the names with the birth date."""


@dataclass(frozen=True)
class IdentifierKinds:
    """What a number of each kind may prove (``model/identifiers.toml``)."""

    strong: frozenset[str]
    exclusive: frozenset[str]
    residential: frozenset[str]


@dataclass(frozen=True)
class Evidence:
    """All living mentions.

    ``mentions``: node, mention_id, record_id, source_id, role, version_id, sex, town, birth_year, died,
    history, closed_as_of and the token columns. ``aliases``: node, kind, token. ``identifiers``: node, kind, issuer,
    token, valid_from, valid_to; strong kinds only. A number without a span of its own has that of the residence
    (住民となった日, 転出日) stated beside it, if any.
    """

    mentions: pl.DataFrame
    aliases: pl.DataFrame
    identifiers: pl.DataFrame
    company: pl.DataFrame
    """node, token: the places (``town_lot``) of those named in one record with a mention that has no place."""
    protected: pl.Series
    """Nodes of protected persons."""


def identifier_kinds() -> IdentifierKinds:
    """Read which identifier kinds are strong and which are exclusive."""
    kinds = tomllib.loads(model_text("identifiers.toml"))["kinds"]
    return IdentifierKinds(
        frozenset(kind for kind, rule in kinds.items() if rule.get("strong")),
        frozenset(kind for kind, rule in kinds.items() if rule.get("exclusive")),
        frozenset(kind for kind, rule in kinds.items() if rule.get("residential")),
    )


def read_frame(connection: Connection, query: Select[tuple[object, ...]]) -> pl.DataFrame:
    """Read a query into columns of text and 64-bit integers."""
    schema = {
        column.name: pl.String() if isinstance(column.type, String) else pl.Int64()
        for column in query.selected_columns
    }
    rows = connection.execute(query).fetchall()
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")


def read_evidence(engine: Engine, token_kinds: Sequence[str] = TOKEN_COLUMNS) -> Evidence:
    """Read the current version of every mention whose record has not been deleted at its source.

    ``token_kinds`` may leave out token columns, except those by which protected persons are recognised.
    """
    kinds = identifier_kinds()
    version = mention_version.c
    living = (
        mention.join(source_record, source_record.c.record_id == mention.c.record_id)
        .join(mention_version, version.version_id == mention.c.version_id)
        .select()
        .where(source_record.c.deleted == 0)
    )
    with engine.connect() as connection:
        mentions = read_frame(
            connection,
            living.with_only_columns(
                mention.c.mention_id,
                mention.c.record_id,
                mention.c.version_id,
                source_record.c.source_id,
                source_record.c.key_token,
                mention.c.role,
                mention.c.seq,
                version.sex,
                version.town,
                version.birth_year,
                version.died,
                source_record.c.history,
                source_record.c.closed_as_of,
                *(version[name] for name in token_kinds),
            ),
        )
        aliases = read_frame(connection, select(mention_alias))
        identifiers = read_frame(
            connection,
            select(mention_identifier).where(mention_identifier.c.kind.in_(sorted(kinds.strong))),
        )
        residence = read_frame(
            connection,
            select(fact.c.mention_id, fact.c.valid_from, fact.c.valid_to).where(
                fact.c.kind == FactKind.RESIDENCE.value, fact.c.category == Category.IDENTITY.value
            ),
        )
        guarded = read_frame(connection, select(protection.c.mention_id))
        co_protected = read_frame(
            connection,
            select(protection_party.c.mention_id).where(protection_party.c.part == "with"),
        )
    mentions = mentions.sort("source_id", "key_token", "role", "seq").with_row_index("node")
    mentions = mentions.with_columns(pl.col("node").cast(pl.Int64))
    nodes = mentions.select("node", "version_id")
    aliases = aliases.join(nodes, on="version_id").select("node", "kind", "token")
    identifiers = identifiers.join(nodes, on="version_id").drop("version_id")
    identifiers = _dated(identifiers, residence.join(mentions.select("mention_id", "node"), on="mention_id"), kinds)
    guarded_ids = pl.concat([guarded, co_protected])["mention_id"].unique()
    protected = _protected_nodes(mentions, identifiers, guarded_ids)
    blank = pl.col("node").is_in(protected.implode())
    mentions = mentions.with_columns(
        pl.when(blank).then(None).otherwise(pl.col(kind)).alias(kind) for kind in PLACE_KINDS
    )
    return Evidence(
        mentions,
        aliases.filter(~(pl.col("kind").is_in(PLACE_KINDS) & blank)),
        identifiers,
        _company(mentions.filter(~blank)),
        protected,
    )


def _company(mentions: pl.DataFrame) -> pl.DataFrame:
    """Places of the others in a record, for its mentions that have none: who asks for his mother lives near her."""
    named = mentions.filter(pl.col("role") != MentionRole.OPPONENT.value).select("node", "record_id", "town_lot")
    lone = named.filter(pl.col("town_lot").is_null()).select("node", "record_id")
    others = named.drop_nulls("town_lot").select("record_id", pl.col("town_lot").alias("token"))
    return lone.join(others, on="record_id").select("node", "token").unique()


def _dated(identifiers: pl.DataFrame, residence: pl.DataFrame, kinds: IdentifierKinds) -> pl.DataFrame:
    """Give numbers that live as long as the residence its span, where they state none themselves."""
    span = residence.unique("node", keep="first", maintain_order=True).select(
        "node", start="valid_from", end="valid_to"
    )
    silent = (
        pl.col("kind").is_in(sorted(kinds.residential)) & (pl.col("valid_from") == "") & (pl.col("valid_to") == "")
    )
    return identifiers.join(span, on="node", how="left", maintain_order="left").select(
        "node",
        "kind",
        "issuer",
        "token",
        valid_from=pl.when(silent).then(pl.col("start").fill_null("")).otherwise("valid_from"),
        valid_to=pl.when(silent).then(pl.col("end").fill_null("")).otherwise("valid_to"),
    )


def _protected_nodes(mentions: pl.DataFrame, identifiers: pl.DataFrame, guarded_ids: pl.Series) -> pl.Series:
    """Nodes under protection: the ordered mentions, what shares a number, and what shares name and birth date.

    Wider than the person that linkage will find, on purpose: the places of a record that may be hers are not
    evidence either.
    """
    guarded = mentions.filter(pl.col("mention_id").is_in(guarded_ids.implode()))
    found = [guarded["node"]]
    if guarded.height:
        numbers = identifiers.join(guarded.select("node"), on="node").select("kind", "issuer", "token").unique()
        found.append(identifiers.join(numbers, on=["kind", "issuer", "token"])["node"])
        for kind in RECOGNISED[:-1]:
            keys = guarded.select(kind, "birth_date").drop_nulls().unique()
            found.append(mentions.select("node", kind, "birth_date").join(keys, on=[kind, "birth_date"])["node"])
    return pl.concat(found).unique().sort()
