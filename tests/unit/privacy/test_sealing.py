import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from privacy.sealing import SealBroken, Sealer, new_data_key, open_sealed, seal

KEY = bytes(range(32))
PLACE = {"table": "mention_version", "row": "ledger/17/subject/0", "field": "identity"}
text = st.text(max_size=20)


@given(st.binary(max_size=400), text, text, text)
def test_what_is_sealed_opens_in_its_place(plain, table, row, field):
    place = {"table": table, "row": row, "field": field}
    assert open_sealed(KEY, seal(KEY, plain, **place), **place) == plain


@given(st.binary(min_size=1, max_size=60), st.data())
def test_every_flipped_bit_is_noticed(plain, data):
    sealed = bytearray(seal(KEY, plain, **PLACE))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        open_sealed(KEY, bytes(sealed), **PLACE)


@given(st.tuples(text, text, text), st.tuples(text, text, text))
def test_a_value_opens_nowhere_else(here, there):
    sealed = Sealer(KEY, table=here[0], row=here[1]).seal(here[2], b"secret")
    elsewhere = Sealer(KEY, table=there[0], row=there[1])
    if here == there:
        assert elsewhere.open(there[2], sealed) == b"secret"
    else:
        with pytest.raises(SealBroken):
            elsewhere.open(there[2], sealed)


def test_another_key_does_not_open_it():
    with pytest.raises(SealBroken):
        open_sealed(new_data_key(), seal(KEY, b"secret", **PLACE), **PLACE)


@pytest.mark.parametrize("cut", [0, 1, 3, 14, 30])
def test_a_cut_value_does_not_open(cut):
    with pytest.raises(SealBroken):
        open_sealed(KEY, seal(KEY, b"", **PLACE)[:cut], **PLACE)


def test_the_key_version_travels_with_the_value_and_is_bound():
    sealed = seal(KEY, b"secret", **PLACE, key_version=258)
    assert sealed[:3] == b"\x01\x01\x02"
    assert open_sealed(KEY, sealed, **PLACE) == b"secret"
    with pytest.raises(SealBroken):
        open_sealed(KEY, b"\x01\x00\x01" + sealed[3:], **PLACE)


def test_the_bytes_are_plain_aes_gcm_as_documented():
    sealed = seal(KEY, b"secret", **PLACE)
    bound = b"15:mention_version19:ledger/17/subject/08:identity1"
    assert AESGCM(KEY).decrypt(sealed[3:15], sealed[15:], bound) == b"secret"


def test_no_nonce_and_no_data_key_comes_twice():
    assert len({seal(KEY, b"", **PLACE)[3:15] for _ in range(5000)}) == 5000
    assert len({new_data_key() for _ in range(500)}) == 500


def test_an_error_tells_the_field_and_nothing_else():
    with pytest.raises(SealBroken) as caught:
        open_sealed(KEY, seal(KEY, b"secret", **PLACE), table="t", row="r", field="address")
    assert str(caught.value) == "address: a sealed value does not open here"
    assert caught.value.__cause__ is None


def test_a_forked_process_draws_nonces_of_its_own():
    seal(KEY, b"", **PLACE)  # nonces wait for the next values
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(seal(KEY, b"", **PLACE)[3:15] for _ in range(20)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 4096)
    os.close(reader)
    os.close(writer)
    ours = {seal(KEY, b"", **PLACE)[3:15] for _ in range(1000)}
    assert ours.isdisjoint(theirs[at : at + 12] for at in range(0, len(theirs), 12))
    assert len(theirs) == 240
