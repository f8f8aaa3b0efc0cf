"""Columns come out of either engine as they went in: nothing, empty text, quotes and line ends included."""

import polars as pl
from sqlalchemy import insert, select

from linkage import reading
from linkage.reading import read_by, read_frame, read_whole
from schemas.tables import mention_identifier, source_record

CODES = ["", "x", 'a "b", c', "二\n行", "%s", "\\N", "'", "NULL"]


def rows_of(town, monkeypatch):
    monkeypatch.setattr(reading, "ROWS", 3)
    monkeypatch.setattr(reading, "BYTES", 40)
    record = {"source_id": "s", "as_of": "", "digest": 0, "delivery_id": 1, "line": 1}
    closed = [*CODES, None, None]
    records = [
        {**record, "record_id": 10**number, "key_token": (-(2**63), 2**63 - 10, 0)[number % 3] + number}
        | {"closed_as_of": day}
        for number, day in enumerate(closed)
    ]
    with town.engine.begin() as conn:
        conn.execute(insert(source_record), records)
        for number, code in enumerate(CODES):
            row = {"version_id": number % 2, "kind": code, "issuer": code, "token": -number}
            conn.execute(insert(mention_identifier), row)
    return records


def test_what_is_read_is_what_is_stored(any_town, monkeypatch):
    records = rows_of(any_town, monkeypatch)
    query = select(source_record.c.record_id, source_record.c.closed_as_of, source_record.c.key_token)
    wanted = [(row["record_id"], row["closed_as_of"], row["key_token"]) for row in records]
    numbers = select(mention_identifier.c.token, mention_identifier.c.kind, mention_identifier.c.issuer)
    found = read_whole(any_town.engine, {source_record: query, mention_identifier: numbers})
    assert found[source_record].sort("record_id").rows() == wanted
    assert sorted(found[mention_identifier].rows(), reverse=True) == [
        (-number, code, code) for number, code in enumerate(CODES)
    ]
    with any_town.engine.connect() as conn:
        assert read_frame(conn, query).sort("record_id").rows() == wanted
        assert read_frame(conn, query.where(source_record.c.line == 2)).schema == found[source_record].schema


def test_some_rows_are_read_by_their_ids(any_town, monkeypatch):
    records = rows_of(any_town, monkeypatch)
    monkeypatch.setattr(reading, "IDS", 2)
    query = select(source_record.c.record_id, source_record.c.closed_as_of)
    wanted = [(row["record_id"], row["closed_as_of"]) for row in records[:5]]
    ids = pl.Series([*(row[0] for row in wanted), 7])
    with any_town.engine.connect() as conn:
        assert read_by(conn, query, source_record.c.record_id, ids).sort("record_id").rows() == wanted
        assert read_by(conn, query, source_record.c.record_id, ids.clear()).height == 0
        assert read_by(conn, query, source_record.c.record_id, None).height == len(records)
