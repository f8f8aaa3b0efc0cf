"""The tables of a workspace, for SQLite and PostgreSQL alike.

Three groups, in the order a record passes them: what was delivered, what was linked, what is published.
Identity stands here sealed only; keyed tokens are 64-bit integers cut from an HMAC; sources, categories and
codes are text. Times are UTC text in ISO 8601, dates Asia/Tokyo text.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()
Id = BigInteger().with_variant(Integer, "sqlite")

GENERATION_OPEN = 2**53
"""``g_to`` of a published row that no later generation has superseded."""

NAME_TOKENS = (
    "name_exact",
    "name_folded",
    "name_loose",
    "name_bag",
    "family_folded",
    "given_folded",
    "kana_exact",
    "kana_full",
    "kana_family",
    "kana_given",
    "kana_initial",
)
BIRTH_TOKENS = ("birth_date", "birth_ym", "birth_md", "birth_yd")
PLACE_TOKENS = ("town_lot", "dwelling")
PHONE_TOKENS = ("phone",)
TOKEN_COLUMNS = (*NAME_TOKENS, *BIRTH_TOKENS, *PLACE_TOKENS, *PHONE_TOKENS, "household_no")
"""Keyed tokens every mention version carries; names say what was normalised and hashed."""

SEARCH_KINDS = (
    "name_exact",
    "name_folded",
    "name_loose",
    "kana_full",
    "kana_family",
    "kana_initial",
    "birth_date",
    "birth_ym",
    "town_lot",
    "phone",
)
"""Tokens by which the desk finds a person; in ``view_search`` a kind is its index in this tuple."""

# --- runs and configuration-independent state -------------------------------------------------------------

setting = Table("setting", metadata, Column("name", String, primary_key=True), Column("value", Text))
lease = Table(
    "lease",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("expires", String, nullable=False),
)
run = Table(
    "run",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("started", String, nullable=False),
    Column("finished", String),
    Column("status", String, nullable=False),
    Column("counts", Text),
)

# --- what was delivered -----------------------------------------------------------------------------------

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", Id, primary_key=True),
    Column("source_id", String, nullable=False),
    Column("name", LargeBinary, nullable=False),  # sealed: a file may be called after a person
    Column("data_key", LargeBinary, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("as_of", String, nullable=False),
    Column("mode", String, nullable=False),  # snapshot | delta
    Column("scopes", Text, nullable=False),  # what a snapshot is authoritative for, joined by U+001F; empty: all
    Column("status", String, nullable=False),  # landing | applied | held
    Column("reason", String, nullable=False, server_default=""),  # code of the guard that holds it
    Column("delivered", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("quarantined", Integer, nullable=False, server_default="0"),
    Column("held", Integer, nullable=False, server_default="0"),
    Column("run_id", String, nullable=False),
    UniqueConstraint("source_id", "content_hash"),
)
source = Table(  # what a run needs to know of each configured source
    "source",
    metadata,
    Column("source_id", String, primary_key=True),
    Column("agency_id", String, nullable=False),
    Column("programme", String, nullable=False),
    Column("sensitive", SmallInteger, nullable=False),
    Column("population", String, nullable=False),  # all | cases
    Column("carries_address", SmallInteger, nullable=False),
    Column("protects", SmallInteger, nullable=False),  # the address-protection feed itself
)
source_record = Table(
    "source_record",
    metadata,
    Column("record_id", Id, primary_key=True),
    Column("source_id", String, nullable=False),
    Column("key_token", BigInteger, nullable=False),
    Column("scope", String, nullable=False, server_default=""),
    Column("as_of", String, nullable=False),  # last seen; empty: in the newest snapshot of its scope
    Column("history_no", String, nullable=False, server_default=""),
    Column("history", SmallInteger, nullable=False, server_default="0"),  # a superseded history row
    Column("digest", BigInteger, nullable=False),  # keyed digest of the draft: equal means unchanged
    Column("closed_as_of", String),  # first snapshot of its scope in which it was absent
    Column("deleted", SmallInteger, nullable=False, server_default="0"),
    Column("delivery_id", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Index("ix_source_record_source", "source_id"),
)
record_key = Table(  # finds a record by its keyed key; of a source's first delivery it is filled at its end, in order
    "record_key",
    metadata,
    Column("key_token", Id, primary_key=True, autoincrement=False),
    Column("record_id", BigInteger, nullable=False),
)
source_event = Table(
    "source_event",
    metadata,
    Column("event_id", Id, primary_key=True),
    Column("source_id", String, nullable=False),
    Column("key_token", BigInteger, nullable=False),
    Column("event_token", BigInteger, nullable=False),
    Column("event_date", String, nullable=False),
    Column("corrected", String, nullable=False, server_default=""),
    Column("as_of", String, nullable=False),
    Column("delivery_id", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("digest", BigInteger, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("source_id", "event_token", "corrected"),
)
mention = Table(
    "mention",
    metadata,
    Column("mention_id", Id, primary_key=True),
    Column("record_id", BigInteger, nullable=False),
    Column("role", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("version_id", BigInteger, nullable=False),  # the current mention_version
    UniqueConstraint("record_id", "role", "seq"),
)
data_key = Table(  # its own table and back-up class; destroying the row erases the mention
    "data_key",
    metadata,
    Column("mention_id", Id, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("kek_version", Integer, nullable=False),
)
mention_version = Table(
    "mention_version",
    metadata,
    Column("version_id", Id, primary_key=True),
    Column("mention_id", BigInteger, nullable=False),
    Column("source_id", String, nullable=False),
    Column("birth_year", Integer),
    Column("birth_month", Integer),
    Column("sex", String, nullable=False, server_default=""),
    Column("town", String, nullable=False, server_default=""),
    Column("died", SmallInteger, nullable=False, server_default="0"),
    Column("key_version", Integer, nullable=False),
    Column("identity", LargeBinary),  # sealed JSON: names, readings, birth, numbers
    Column("address", LargeBinary),  # sealed JSON: addresses, phones, e-mail
    Column("notes", LargeBinary),  # sealed JSON: free text by field name
    *(Column(name, BigInteger) for name in TOKEN_COLUMNS),
    Index("ix_mention_version_mention", "mention_id"),
)
mention_identifier = Table(
    "mention_identifier",
    metadata,
    Column("version_id", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("issuer", String, nullable=False, server_default=""),
    Column("token", BigInteger, nullable=False),
    Column("valid_from", String, nullable=False, server_default=""),
    Column("valid_to", String, nullable=False, server_default=""),
    Index("ix_mention_identifier_version", "version_id"),
)
mention_alias = Table(  # further names, phones and past addresses of a version, as tokens
    "mention_alias",
    metadata,
    Column("version_id", BigInteger, nullable=False),
    Column("kind", String, nullable=False),  # a member of TOKEN_COLUMNS
    Column("token", BigInteger, nullable=False),
    Index("ix_mention_alias_version", "version_id"),
)
FACT_COLUMNS = (
    "kind",
    "category",
    "programme",
    "code",
    "level",
    "status",
    "valid_from",
    "valid_to",
    "agency_id",
    "other_mention_id",
    "detail",
)


def _fact_columns() -> list[Column[object]]:
    return [
        Column("kind", String, nullable=False),
        Column("category", String, nullable=False),
        Column("programme", String, nullable=False),
        Column("code", String, nullable=False, server_default=""),
        Column("level", String, nullable=False, server_default=""),
        Column("status", String, nullable=False, server_default=""),
        Column("valid_from", String, nullable=False, server_default=""),
        Column("valid_to", String, nullable=False, server_default=""),
        Column("agency_id", String, nullable=False, server_default=""),
        Column("other_mention_id", BigInteger),
        Column("detail", Text, nullable=False, server_default="{}"),
    ]


fact = Table(
    "fact",
    metadata,
    Column("fact_id", Id, primary_key=True),
    Column("record_id", BigInteger, nullable=False),
    Column("mention_id", BigInteger, nullable=False),
    Column("seq", Integer, nullable=False),
    *_fact_columns(),
    Index("ix_fact_record", "record_id", "mention_id"),
)
consent = Table(  # one row per agency x category x purpose that a source record grants or refuses
    "consent",
    metadata,
    Column("consent_id", Id, primary_key=True),
    Column("record_id", BigInteger, nullable=False),
    Column("mention_id", BigInteger, nullable=False),
    Column("consent_token", BigInteger, nullable=False),  # keyed reference; several rows share it
    Column("decision", String, nullable=False),
    Column("agency_id", String, nullable=False, server_default=""),
    Column("category", String, nullable=False, server_default=""),
    Column("tier", Integer, nullable=False, server_default="0"),
    Column("purpose", String, nullable=False, server_default=""),
    Column("valid_from", String, nullable=False, server_default=""),
    Column("valid_to", String, nullable=False, server_default=""),
    Column("given_by", String, nullable=False, server_default=""),
    Column("supersedes_token", BigInteger),
    Column("recorded_at", String, nullable=False),
    Index("ix_consent_mention", "mention_id"),
    Index("ix_consent_record", "record_id"),
)
protection = Table(
    "protection",
    metadata,
    Column("protection_id", Id, primary_key=True),
    Column("record_id", BigInteger, nullable=False),
    Column("mention_id", BigInteger, nullable=False),  # the protected person
    Column("kind", String, nullable=False),
    Column("valid_from", String, nullable=False, server_default=""),
    Column("valid_to", String, nullable=False, server_default=""),
    Column("lifted", SmallInteger, nullable=False, server_default="0"),
    Column("opponent_known", SmallInteger, nullable=False, server_default="0"),
    Index("ix_protection_mention", "mention_id"),
    Index("ix_protection_record", "record_id"),
)
protection_party = Table(
    "protection_party",
    metadata,
    Column("protection_id", BigInteger, primary_key=True),
    Column("mention_id", BigInteger, primary_key=True),
    Column("part", String, nullable=False),  # against | with
)
protection_clearance = Table(
    "protection_clearance",
    metadata,
    Column("protection_id", BigInteger, primary_key=True),
    Column("agency_id", String, primary_key=True),
    Column("role", String, primary_key=True),
)
quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", Id, primary_key=True),
    Column("source_id", String, nullable=False),
    Column("delivery_id", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("code", String, nullable=False),
    Column("field", String, nullable=False, server_default=""),
    Column("row_token", BigInteger, nullable=False),  # keyed digest of the raw row: the same row waits once
    Column("state", String, nullable=False),  # waiting | resolved
    Column("data_key", LargeBinary, nullable=False),
    Column("row", LargeBinary, nullable=False),  # sealed raw row
    Column("run_id", String, nullable=False),
    UniqueConstraint("source_id", "row_token"),
)

touched = Table(  # mentions that changed since the last publication
    "touched",
    metadata,
    Column("mention_id", Id, primary_key=True),
)


def _some(name: str, column: str, condition: str) -> Index:
    """Index only the rows that meet a condition."""
    return Index(name, column, sqlite_where=text(condition), postgresql_where=text(condition))


# --- what was linked --------------------------------------------------------------------------------------

person = Table(
    "person",
    metadata,
    Column("person_id", Id, primary_key=True),
    Column("retired_to", BigInteger),
    _some("ix_person_retired", "person_id", "retired_to IS NOT NULL"),
)
person_mention = Table(
    "person_mention",
    metadata,
    Column("mention_id", Id, primary_key=True),
    Column("person_id", BigInteger, nullable=False),
    Index("ix_person_mention_person", "person_id"),
)
link_edge = Table(
    "link_edge",
    metadata,
    Column("a", BigInteger, primary_key=True),
    Column("b", BigInteger, primary_key=True),
    Column("kind", String, nullable=False),  # strong | scored
    Column("weight", Integer, nullable=False),  # thousandths of a bit
    Column("outcome", String, nullable=False),  # linked | review | refused
    _some("ix_link_edge_apart", "b", "outcome <> 'linked'"),
)
posting = Table(  # which persons hold a joint key (linkage/postings.py)
    "posting",
    metadata,
    Column("segment", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("entries", LargeBinary, nullable=False),
)
household = Table(
    "household",
    metadata,
    Column("household_id", Id, primary_key=True),
    Column("kind", String, nullable=False),  # register | living
    Column("retired_to", BigInteger),
    _some("ix_household_retired", "household_id", "retired_to IS NOT NULL"),
)
membership = Table(
    "membership",
    metadata,
    Column("household_id", BigInteger, primary_key=True),
    Column("person_id", BigInteger, primary_key=True),
    Column("state", String, nullable=False),  # present | away
    Column("relation", String, nullable=False, server_default=""),  # 続柄 code relative to the head
    Column("evidence", String, nullable=False),  # register | dwelling | kinship | case, joined by +
    Column("valid_from", String, nullable=False, server_default=""),
    Column("valid_to", String, nullable=False, server_default=""),
    Index("ix_membership_person", "person_id"),
)
lineage = Table(
    "lineage",
    metadata,
    Column("event_id", Id, primary_key=True),
    Column("run_id", String, nullable=False),
    Column("subject", String, nullable=False),  # person | household
    Column("event", String, nullable=False),  # survive | mint (of all ids from old to new) | retire
    Column("old_id", BigInteger),
    Column("new_id", BigInteger),
)

# --- what is published ------------------------------------------------------------------------------------
# A row is visible in generation g when g_from <= g < g_to. A new generation is written beside the old one and
# becomes visible by one update of ``setting.generation``. What is read by person lies together by person, tokens by
# token: SQLite keeps such a table in the order of its primary key.


def _generation() -> list[Column[object]]:
    return [Column("g_from", BigInteger, nullable=False), Column("g_to", BigInteger, nullable=False)]


def _row_id() -> Column[object]:
    return Column("row_id", Id, primary_key=True)


def _ended(view: str) -> Index:
    """Index only the rows that a later generation ended: the sweep looks for them, readers never do."""
    return _some(f"ix_{view}_ended", "g_to", f"g_to < {GENERATION_OPEN}")


view_mention = Table(
    "view_mention",
    metadata,
    *_generation(),
    Column("mention_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("role", String, nullable=False),
    Column("source_id", String, nullable=False),
    Column("agency_id", String, nullable=False),
    Column("programme", String, nullable=False),
    Column("sensitive", SmallInteger, nullable=False),  # mere participation is sensitive
    Column("identity_version", BigInteger, nullable=False),
    Column("address_version", BigInteger, nullable=False),
    Column("birth_year", Integer),
    Column("birth_month", Integer),
    Column("sex", String, nullable=False),
    Column("town", String, nullable=False),
    Column("as_of", String, nullable=False),  # empty: as of the source (view_source)
    Column("closed", SmallInteger, nullable=False),
    PrimaryKeyConstraint("person_id", "mention_id", "g_from"),
    Index("ix_view_mention_mention", "mention_id"),
    _ended("view_mention"),
    sqlite_with_rowid=False,
)
view_source = Table(  # how old each source is in a generation
    "view_source",
    metadata,
    _row_id(),
    *_generation(),
    Column("source_id", String, nullable=False),
    Column("agency_id", String, nullable=False),
    Column("programme", String, nullable=False),
    Column("as_of", String, nullable=False),
    _ended("view_source"),
)
view_member = Table(
    "view_member",
    metadata,
    _row_id(),
    *_generation(),
    Column("household_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("relation", String, nullable=False),
    Column("evidence", String, nullable=False),
    Column("valid_from", String, nullable=False),
    Column("valid_to", String, nullable=False),
    Index("ix_view_member_household", "household_id"),
    Index("ix_view_member_person", "person_id"),
    _ended("view_member"),
)
view_fact = Table(
    "view_fact",
    metadata,
    *_generation(),
    Column("fact_id", BigInteger, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("mention_id", BigInteger, nullable=False),
    Column("source_id", String, nullable=False),
    Column("source_agency_id", String, nullable=False),
    Column("as_of", String, nullable=False),
    *_fact_columns(),
    PrimaryKeyConstraint("person_id", "fact_id", "g_from"),
    _ended("view_fact"),
    sqlite_with_rowid=False,
)
view_search = Table(  # who is found by which token, packed (schemas/search.py)
    "view_search",
    metadata,
    *_generation(),
    Column("part", SmallInteger, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    PrimaryKeyConstraint("part", "g_from"),
    _ended("view_search"),
    sqlite_with_rowid=False,
)

pseudonym = Table(  # the way back from the outward ids a recipient was shown
    "pseudonym",
    metadata,
    Column("domain", String, primary_key=True),  # recipient/epoch
    Column("pseudonym", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("internal_id", BigInteger, nullable=False),
)

# --- the log ----------------------------------------------------------------------------------------------

outbox = Table(  # written in the transaction of the act; sequenced into the Merkle log afterwards
    "outbox",
    metadata,
    Column("act_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("recorded_at", String, nullable=False),
    Column("leaf_index", BigInteger),
    Index("ix_outbox_leaf", "leaf_index", unique=True),
    Index("ix_outbox_recorded", "recorded_at"),
)
act = Table(  # what was done, beside its entry: the audit compares both ways
    "act",
    metadata,
    Column("act_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("agency_id", String, nullable=False, server_default=""),  # who acted; empty: the system itself
    Column("staff", String, nullable=False, server_default=""),  # pseudonym of the log's own domain
    Column("recorded_at", String, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the entry
    Index("ix_act_agency", "agency_id", "recorded_at"),
)
log_head = Table(  # compare-and-swap store of the last signed size; a restored back-up cannot fork the log
    "log_head",
    metadata,
    Column("origin", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
)
