"""One flipped byte in the log, one deleted act, one act without its entry: each is found on a synced workspace."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, insert, select

from pipelines.site import Site
from privacy.audit import AuditReport, verify
from privacy.log import verifier_key
from schemas.tables import act, outbox
from tests.integration.workspaces import Place


@pytest.fixture
def site(synced: Place) -> Iterator[Site]:
    with synced.site() as opened:
        yield opened


def audited(site: Site) -> AuditReport:
    return verify(site.engine, site.log_dir, verifier_key(site.keyring, site.origin))


def test_a_synced_workspace_is_clean(site: Site) -> None:
    report = audited(site)
    assert report.clean, report.findings
    assert report.size >= 3  # linkage, publication, run
    with site.engine.connect() as conn:
        kinds = set(conn.execute(select(act.c.kind)).scalars())
    assert {"linkage", "run.sync", "publication"} <= kinds


def test_every_flipped_byte_in_a_tile_is_found(site: Site) -> None:
    tiles = sorted(path for path in site.log_dir.rglob("*") if path.is_file() and "tile" in path.parts)
    assert tiles
    for path in tiles:
        whole = path.read_bytes()
        for place in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert "log-changed" in {finding.fault for finding in audited(site).findings}, (path.name, place)
        path.write_bytes(whole)
    assert audited(site).clean


@pytest.mark.parametrize("kind", ["linkage", "run.sync", "publication"])
def test_a_deleted_act_is_found(site: Site, kind: str) -> None:
    with site.engine.begin() as conn:
        assert conn.execute(delete(act).where(act.c.kind == kind)).rowcount == 1
    assert {finding.fault for finding in audited(site).findings} == {"act-deleted"}


def test_an_act_without_its_entry_is_found(site: Site) -> None:
    with site.engine.begin() as conn:
        row = dict(conn.execute(select(act).limit(1)).mappings().one())
        conn.execute(insert(act).values({**row, "act_id": "0" * len(row["act_id"])}))
    assert "entry-missing" in {finding.fault for finding in audited(site).findings}


def test_a_deleted_entry_of_the_outbox_is_found(site: Site) -> None:
    with site.engine.begin() as conn:
        found = conn.execute(select(outbox.c.act_id).where(outbox.c.kind == "run.sync")).scalar_one()
        conn.execute(delete(outbox).where(outbox.c.act_id == found))
    assert not audited(site).clean
