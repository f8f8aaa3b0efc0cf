import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from privacy.keyring import KeyMaterial, Keyring
from privacy.pseudonyms import PseudonymDomain
from schemas.store import create_tables, open_store
from schemas.tables import pseudonym

KEYRING = Keyring.from_material(KeyMaterial(bytes(range(32)), ((1, bytes(32)),), 1))


@given(st.integers(0, 2**53), st.sampled_from(["person", "household"]))
def test_it_is_hmac_sha256_under_the_recipients_key(internal_id, kind):
    digest = hmac.digest(KEYRING.derive("pseudonym/5:kaigo/1"), f"{kind}:{internal_id}".encode(), hashlib.sha256)
    assert PseudonymDomain(KEYRING, "kaigo").outward(kind, internal_id) == digest[:16].hex()


def test_recipients_epochs_and_kinds_share_nothing():
    domains = [("kaigo", "1"), ("kaigo", "2"), ("shogai", "1"), ("kaigo/1", ""), ("kaigo", "1/")]
    kinds = ("person", "household")
    shown = {
        text
        for recipient, epoch in domains
        for kind in kinds
        for text in PseudonymDomain(KEYRING, recipient, epoch).outward_all(kind, range(200))
    }
    assert len(shown) == len(domains) * len(kinds) * 200


@pytest.fixture
def conn(tmp_path):
    engine = open_store(f"sqlite:///{tmp_path / 'm.db'}")
    create_tables(engine)
    with engine.begin() as conn:
        yield conn
    engine.dispose()


def test_a_recipient_finds_back_what_it_was_shown_and_no_more(conn):
    kaigo, shogai = PseudonymDomain(KEYRING, "kaigo"), PseudonymDomain(KEYRING, "shogai")
    shown = kaigo.remember(conn, "person", [7, 8, 7])
    assert kaigo.remember(conn, "person", [8, 7]) == {8: shown[8], 7: shown[7]}
    assert kaigo.inward(conn, "person", shown[7]) == 7
    assert kaigo.inward(conn, "household", shown[7]) is None
    assert shogai.inward(conn, "person", shown[7]) is None
    assert kaigo.inward(conn, "person", kaigo.outward("person", 9)) is None
    assert len(conn.execute(select(pseudonym)).all()) == 2


def test_showing_nothing_writes_nothing(conn):
    assert PseudonymDomain(KEYRING, "kaigo").remember(conn, "person", []) == {}
