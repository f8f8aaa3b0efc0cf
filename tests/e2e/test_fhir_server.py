"""JP Core resources over real HTTP, page by page, and the same as Bulk Data NDJSON: one state of the records."""

import json
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select

from desk.sealed import open_parts
from musubi.city.fhir import address, encounter, human_name, patient, related_person
from schemas.tables import (
    FACT_COLUMNS,
    TOKEN_COLUMNS,
    fact,
    mention,
    mention_identifier,
    mention_version,
    source_record,
)
from tests.fakes.fhir_server import FhirServer, serving
from tests.fakes.small_town import LEGAL, SmallTown

FAMILY = 'id = "family"\npreset = "child_support_fhir"\nagency = "chiiki"\n[transport]\nkind = "fhir"\n{}\n' + LEGAL
HOME = ("東京都結市青葉町二丁目3番4号", "青葉町二丁目", "3番4号", "", "1900012")
KINDS = ("Patient", "RelatedPerson", "Encounter")
Json = dict[str, Any]


def person(given: str, kana: str, birth: str, gender: str = "female", **more: Any) -> Json:
    return {
        "name": human_name("結城", given, "ユウキ", kana),
        "gender": gender,
        "birthDate": birth,
        "address": address(*HOME),
        **more,
    }


def family_resources() -> dict[str, list[Json]]:
    """Five children of one family, their mother beside each, consultations beside some."""
    children = [
        patient(f"p{number}", {"atena": f"00000000001234{number}", "jido": f"C{number}"}, person(given, kana, birth))
        for number, (given, kana, birth) in enumerate(
            (
                ("咲", "サキ", "2014-05-12"),
                ("葉", "ヨウ", "2016-02"),
                ("空", "ソラ", "2018-09-30"),
                ("海", "ウミ", "2020"),
                ("陸", "リク", "2023-01-15"),
            ),
            1,
        )
    ]
    mother = person("幸子", "サチコ", "1986-03-05", phone="042-555-0190")
    related = [related_person(f"r{number}", f"p{number}", "MTH", mother) for number in range(1, 6)]
    met = [encounter(f"e{number}", f"p{number}", f"2026-10-0{number}", "HH", "育児の悩み") for number in (1, 3)]
    met.append(encounter("e9", "p1", "2026-10-09", "VR", "養育の不安"))
    orphan = encounter("e8", "p99", "2026-10-08", "AMB", "育児の悩み")
    return {"Patient": children, "RelatedPerson": related, "Encounter": [*met, orphan]}


def state(town: SmallTown) -> list[Any]:
    """Give all that is known of every mention, opened, with its tokens, numbers and facts; no internal ids."""
    with town.site() as site, site.engine.connect() as conn:
        versions = conn.execute(
            select(mention_version, mention.c.role, mention.c.seq, source_record)
            .join(mention, mention.c.mention_id == mention_version.c.mention_id)
            .join(source_record, source_record.c.record_id == mention.c.record_id)
        ).mappings()
        rows = versions.all()
        wanted = [(row["version_id"], part) for row in rows for part in ("identity", "address", "notes")]
        opened = open_parts(conn, site.keyring, wanted)
        place = {row["mention_id"]: (row["key_token"], row["role"], row["seq"]) for row in rows}
        found: list[Any] = []
        for row in rows:
            own = row["mention_id"]
            numbers = select(mention_identifier).where(mention_identifier.c.version_id == row["version_id"])
            facts = select(fact.c.seq, *(fact.c[name] for name in FACT_COLUMNS)).where(fact.c.mention_id == own)
            plain = {
                name: row[name] for name in ("birth_year", "birth_month", "sex", "town", "as_of", *TOKEN_COLUMNS)
            }
            told = [dict(one) for one in conn.execute(facts.order_by(fact.c.seq)).mappings()]
            for one in told:
                one["other_mention_id"] = place.get(one["other_mention_id"])
            ids = sorted(tuple(one)[1:] for one in conn.execute(numbers))
            parts = {part: content for (mention_id, part), content in opened.items() if mention_id == own}
            found.append((place[own], plain, parts, ids, told))
    return sorted(found, key=lambda one: one[0])


def test_the_server_and_the_bulk_export_give_one_state(tmp_path: Path) -> None:
    resources = family_resources()
    served, bulk = SmallTown(tmp_path / "served"), SmallTown(tmp_path / "bulk")
    shutil.rmtree(bulk.root / "keys")
    shutil.copytree(served.root / "keys", bulk.root / "keys")  # equal keys, so that tokens can be compared
    with serving(FhirServer(resources)) as server:
        served.define("family", FAMILY.format(f'url = "{server.url}"\npage = 2'))
        over_http = served.sync()
        pages = [request for request in server.requests if "/Patient?" in request]
        repeated = served.sync()
    bulk.define("family", FAMILY.format('path = "bulk"'))
    for kind in KINDS:
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in reversed(resources[kind]))
        bulk_folder = bulk.root / "bulk" / "20261101"
        bulk_folder.mkdir(parents=True, exist_ok=True)
        (bulk_folder / f"{kind}.ndjson").write_text(lines, "utf-8")
    from_files = bulk.sync()

    assert len(pages) == 3
    assert (over_http.delivered, over_http.accepted, over_http.quarantined) == (6, 5, 1)
    assert (repeated.delivered, repeated.held, repeated.unavailable) == (0, 0, [])
    counts = ("delivered", "accepted", "quarantined", "held", "persons", "households", "exit_code")
    assert [getattr(over_http, name) for name in counts] == [getattr(from_files, name) for name in counts]
    assert [row.code for row in served.waiting()] == [row.code for row in bulk.waiting()] == ["unknown-patient"]
    known = state(served)
    assert len(known) == 10
    assert known == state(bulk)


def test_a_record_reads_as_jp_core_means_it(tmp_path: Path) -> None:
    town = SmallTown(tmp_path / "town")
    with serving(FhirServer(family_resources())) as server:
        town.define("family", FAMILY.format(f'url = "{server.url}"\npage = 3'))
        town.sync()
    known = state(town)
    girl = next(one for one in known if one[2]["identity"]["birth"]["value"] == "2014-05-12")
    (name,) = girl[2]["identity"]["names"]
    assert (name["family"], name["given"], name["kana_family"], name["kana_given"]) == (
        "結城",
        "咲",
        "ユウキ",
        "サキ",
    )
    assert {number["kind"] for number in girl[2]["identity"]["identifiers"]} == {"atena", "jido"}
    assert girl[2]["address"]["addresses"][0]["town"] == "青葉町2丁目"
    assert [one["code"] for one in girl[4] if one["kind"] == "contact"] == ["home_visit", "phone"]
    assert girl[2]["notes"]
    mother = next(one for one in known if one[0] == (girl[0][0], "guardian", 0))
    assert mother[2]["address"]["phones"] == ["0425550190"]
    assert [one["other_mention_id"] for one in mother[4]] == [girl[0]]
    assert {one[1]["birth_month"] for one in known if one[1]["birth_year"] == 2020} == {None}
