"""A tiny town in a real store: mention drafts become rows of tokens, as landing would write them."""

import hashlib

import pytest
from sqlalchemy import delete, insert, select, update

from linkage import neighbours
from linkage.keys import mention_keys
from schemas.drafts import MentionDraft
from schemas.store import create_tables, open_store
from schemas.tables import (
    TOKEN_COLUMNS,
    data_key,
    fact,
    mention,
    mention_alias,
    mention_identifier,
    mention_version,
    person_mention,
    protection,
    protection_party,
    source_record,
    touched,
)
from schemas.values.addresses import Address
from schemas.values.dates import PartialDate
from schemas.values.identifiers import Identifier
from schemas.values.names import PersonName
from schemas.vocabulary import MentionRole


def token(kind, value):
    """Stand in for the keyed minter: one 64-bit signed integer per kind and value."""
    digest = hashlib.blake2b(f"{kind}|{value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def draft(
    name="",
    kana="",
    birth="",
    *,
    sex="",
    place=None,
    phone="",
    role="subject",
    seq=0,
    numbers=(),
    others=(),
    past=(),
):
    """Make a mention the short way: place is (town, lot) or (town, lot, building)."""
    quality = {10: "day", 7: "month", 4: "year", 0: "unknown"}[len(birth)]
    places = [place, *past] if place else list(past)
    return MentionDraft(
        role=MentionRole(role),
        seq=seq,
        names=(PersonName(name, kana=kana), *others) if name or kana else (),
        birth=PartialDate(birth, quality) if birth else None,
        sex=sex,
        addresses=tuple(Address("", town=p[0], lot=p[1], building=p[2] if len(p) > 2 else "") for p in places),
        phones=(phone,) if phone else (),
        identifiers=tuple(Identifier(*number) for number in numbers),
    )


class Town:
    """Rows in a store, and who is who afterwards."""

    def __init__(self, engine):
        self.engine = engine
        self.records = {}

    def add(self, source, key, *drafts, facts=(), protected=False):
        """Land one record; landing it again replaces its mentions' versions."""
        with self.engine.begin() as conn:
            reference = (source, token("key", f"{source}/{key}"))
            record_id = self.records.get((source, key))
            if record_id is None:
                row = {"source_id": source, "key_token": reference[1], "as_of": "2026-11-01", "digest": 0}
                result = conn.execute(insert(source_record), {**row, "delivery_id": 1, "line": 1})
                record_id = self.records[source, key] = result.inserted_primary_key[0]
            else:
                self._clear(conn, record_id, drafts)
            ids = [self._mention(conn, source, record_id, one) for one in drafts]
            for number, (index, given) in enumerate(facts):
                fields = dict(given)
                other = fields.pop("other", None)
                row = {"record_id": record_id, "mention_id": ids[index], "seq": number, "programme": "register"}
                row |= {"category": "membership", "other_mention_id": None if other is None else ids[other]}
                conn.execute(insert(fact), {**row, **fields})
            if protected:
                row = {"record_id": record_id, "mention_id": ids[0], "kind": "dv", "opponent_known": len(ids) > 1}
                order = conn.execute(insert(protection), row).inserted_primary_key[0]
                for one, mention_id in zip(drafts[1:], ids[1:], strict=True):
                    part = "against" if one.role == MentionRole.OPPONENT else "with"
                    conn.execute(
                        insert(protection_party), {"protection_id": order, "mention_id": mention_id, "part": part}
                    )
        return ids

    def _clear(self, conn, record_id, drafts):
        """A record landed again: what it said before goes, and whom it names no more."""
        conn.execute(update(source_record).where(source_record.c.record_id == record_id).values(deleted=0))
        conn.execute(delete(fact).where(fact.c.record_id == record_id))
        orders = select(protection.c.protection_id).where(protection.c.record_id == record_id)
        conn.execute(delete(protection_party).where(protection_party.c.protection_id.in_(orders)))
        conn.execute(delete(protection).where(protection.c.record_id == record_id))
        places = {(one.role.value, one.seq) for one in drafts}
        for row in conn.execute(select(mention).where(mention.c.record_id == record_id)).all():
            if (row.role, row.seq) not in places:
                conn.execute(delete(mention).where(mention.c.mention_id == row.mention_id))
                self._touch(conn, row.mention_id)

    @staticmethod
    def _touch(conn, mention_id):
        if not conn.execute(select(touched.c.mention_id).where(touched.c.mention_id == mention_id)).first():
            conn.execute(insert(touched), {"mention_id": mention_id})

    def _mention(self, conn, source, record_id, one):
        found = conn.execute(
            select(mention.c.mention_id).where(
                mention.c.record_id == record_id, mention.c.role == one.role.value, mention.c.seq == one.seq
            )
        ).scalar()
        if found is None:
            row = {"record_id": record_id, "role": one.role.value, "seq": one.seq, "version_id": 0}
            found = conn.execute(insert(mention), row).inserted_primary_key[0]
            conn.execute(insert(data_key), {"mention_id": found, "wrapped": b"", "kek_version": 1})
        keys = mention_keys([one])
        row = {name: token(name, keys.tokens[name][0]) if keys.tokens[name][0] else None for name in TOKEN_COLUMNS}
        row |= {"mention_id": found, "source_id": source, "sex": one.sex, "died": 0, "key_version": 1}
        row["town"] = one.addresses[0].town if one.addresses else ""
        row |= {"birth_year": one.birth.year if one.birth else None}
        version = conn.execute(insert(mention_version), row).inserted_primary_key[0]
        conn.execute(update(mention).where(mention.c.mention_id == found).values(version_id=version))
        for _, kind, value in keys.aliases:
            conn.execute(insert(mention_alias), {"version_id": version, "kind": kind, "token": token(kind, value)})
        for _, kind, issuer, value, start, end in keys.identifiers:
            row = {"version_id": version, "kind": kind, "issuer": issuer, "valid_from": start, "valid_to": end}
            conn.execute(insert(mention_identifier), {**row, "token": token(kind, f"{issuer}/{value}")})
        self._touch(conn, found)
        return found

    def remove(self, source, key):
        """The source's own delete flag; whatever changes a mention marks it touched."""
        record_id = self.records[source, key]
        with self.engine.begin() as conn:
            conn.execute(update(source_record).where(source_record.c.record_id == record_id).values(deleted=1))
            ids = conn.execute(select(mention.c.mention_id).where(mention.c.record_id == record_id)).scalars().all()
            for one in ids:
                self._touch(conn, one)

    def publish(self):
        """Publication takes what was touched, and with it the versions nobody shows any more."""
        with self.engine.begin() as conn:
            conn.execute(delete(touched))
            old = mention_version.c.version_id.not_in(select(mention.c.version_id))
            conn.execute(delete(mention_version).where(old))

    def person(self, mention_id):
        with self.engine.connect() as conn:
            query = select(person_mention.c.person_id).where(person_mention.c.mention_id == mention_id)
            return conn.execute(query).scalar()

    def persons(self):
        """Return mention → person."""
        with self.engine.connect() as conn:
            return dict(conn.execute(select(person_mention)).all())

    def partition(self):
        """Return the partition as a set of sets of mention ids."""
        groups = {}
        for mention_id, person_id in self.persons().items():
            groups.setdefault(person_id, set()).add(mention_id)
        return {frozenset(group) for group in groups.values()}


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Every run but the first looks at a neighbourhood, however small the town."""
    monkeypatch.setattr(neighbours, "FULL_SHARE", 10)


@pytest.fixture
def make_town(tmp_path):
    made = []

    def make(name="town"):
        engine = open_store(f"sqlite:///{tmp_path / name}.db")
        create_tables(engine)
        made.append(engine)
        return Town(engine)

    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def any_town(engine):
    """The town on SQLite and on PostgreSQL."""
    return Town(engine)


@pytest.fixture
def town(make_town):
    return make_town()


@pytest.fixture
def key_token():
    return lambda source, key: token("key", f"{source}/{key}")


@pytest.fixture
def person_draft():
    return draft
