import hashlib

from hypothesis import given
from hypothesis import strategies as st

from privacy.keyring import KeyMaterial, Keyring
from privacy.tokens import TokenMinter
from schemas.tables import TOKEN_COLUMNS

KEYRING = Keyring.from_material(KeyMaterial(bytes(range(32)), ((1, bytes(32)),), 1))
MINTER = TokenMinter(KEYRING)


@given(st.lists(st.none() | st.text()))
def test_a_column_is_minted_in_order_and_alike_one_by_one(values):
    tokens = MINTER.mint("name_exact", values)
    assert tokens == [MINTER.one("name_exact", value) if value else None for value in values]
    assert all(-(2**63) <= token < 2**63 for token in tokens if token is not None)


def test_a_token_is_the_documented_keyed_hash():
    key = KEYRING.derive("token/phone")
    digest = hashlib.blake2b(b"0312345678", key=key, digest_size=8).digest()
    assert MINTER.one("phone", "0312345678") == int.from_bytes(digest, "big", signed=True)


def test_tokens_stay_what_they_were_in_earlier_releases():
    assert MINTER.mint("name_exact", ["結城 花子", "結城花子"]) == [2201422822148065966, -4625116825974110471]


def test_each_kind_has_its_own_key():
    assert len({MINTER.one(kind, "1950-01-01") for kind in TOKEN_COLUMNS}) == len(TOKEN_COLUMNS)


def test_another_keyring_gives_other_tokens():
    other = Keyring.from_material(KeyMaterial(bytes(32), ((1, bytes(32)),), 1))
    assert TokenMinter(other).one("phone", "1") != MINTER.one("phone", "1")


def test_broken_text_is_minted_and_never_quoted_in_an_error():
    assert MINTER.one("name_exact", "\ud842") != MINTER.one("name_exact", "\ud843")
