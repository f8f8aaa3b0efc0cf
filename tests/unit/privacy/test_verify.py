import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.log.tiles import Edge, bundle
from privacy.verify import (
    EMPTY_ROOT,
    Checkpoint,
    Mismatch,
    VerifierKey,
    leaf_hash,
    root_of_inclusion,
    split_bundle,
    tile_path,
    tile_widths,
)

# The leaves and roots every RFC 6962 implementation is tested with (certificate-transparency, merkle_tree_test).
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes(range(0x60, 0x70)))
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def mth(hashes):
    """RFC 6962 §2.1, word by word."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + mth(hashes[:split]) + mth(hashes[split:])).digest()


def path_of(index, hashes):
    """RFC 6962 §2.1.1, word by word."""
    if len(hashes) <= 1:
        return []
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if index < split:
        return [*path_of(index, hashes[:split]), mth(hashes[split:])]
    return [*path_of(index - split, hashes[split:]), mth(hashes[:split])]


@pytest.mark.parametrize("size", range(9))
def test_the_known_roots(size):
    edge = Edge(0, [])
    edge.append([], LEAVES[:size])
    assert edge.root().hex() == ROOTS[size] == mth([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex()


@given(st.integers(0, 700), st.integers(0, 700))
def test_appending_in_parts_gives_the_root_of_the_whole(first, second):
    entries = [str(number).encode() for number in range(first + second)]
    edge, carried = Edge(0, []), []
    edge.append(carried, entries[:first])
    edge.append(carried, entries[first:])
    assert edge.root() == mth([leaf_hash(entry) for entry in entries])


@given(st.integers(1, 300), st.data())
def test_an_audit_path_proves_its_leaf_and_no_other(size, data):
    index = data.draw(st.integers(0, size - 1))
    hashes = [leaf_hash(str(number).encode()) for number in range(size)]
    path = path_of(index, hashes)
    assert root_of_inclusion(hashes[index], index, size, path) == mth(hashes)
    assert root_of_inclusion(leaf_hash(b"another"), index, size, path) != mth(hashes)
    for wrong in (path[:-1], [*path, bytes(32)]):
        if wrong != path:
            with pytest.raises(Mismatch):
                root_of_inclusion(hashes[index], index, size, wrong)
    with pytest.raises(Mismatch):
        root_of_inclusion(hashes[index], size, size, path)


def test_tile_names_as_in_the_specification():
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 0, 112) == "tile/entries/000.p/112"
    assert tile_path(2, 0, 1) == "tile/2/000.p/1"


def test_tile_widths_of_the_specifications_example():
    assert len(list(tile_widths(70_000, 0))) == 274
    assert list(tile_widths(70_000, 0))[-1] == (273, 112)
    assert list(tile_widths(70_000, 1)) == [(0, 256), (1, 17)]
    assert list(tile_widths(70_000, 2)) == [(0, 1)]
    assert list(tile_widths(70_000, 3)) == []


@given(st.lists(st.binary(max_size=300)))
def test_bundles_are_cut_where_they_were_joined(entries):
    assert split_bundle(bundle(entries)) == entries


@pytest.mark.parametrize("raw", [b"\x00", b"\x00\x02a", b"\x00\x01a\x00"])
def test_a_bundle_that_ends_inside_an_entry_is_no_bundle(raw):
    with pytest.raises(Mismatch):
        split_bundle(raw)


SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


def test_the_specifications_verifier_key():
    key = VerifierKey.parse(SPEC_KEY)
    assert (key.name, key.key_id.hex(), str(key)) == ("example.com/foo", "530d903a", SPEC_KEY)


@pytest.mark.parametrize("text", ["", "a+b", SPEC_KEY.replace("foo", "bar"), SPEC_KEY.replace("3a+", "3b+")])
def test_a_verifier_key_that_contradicts_itself_is_refused(text):
    with pytest.raises(Mismatch):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo\n",
        "example.com/foo\n1\nAAAA\n",
        "example.com/foo\n1\nAAAA\n\n",
        "example.com/foo\n1\nAAAA\n\n— example.com/foo AAAA\n",
        "example.com/foo\n1\nAAAA\n\n- example.com/foo AAAA\n",
    ],
)
def test_an_unsigned_note_is_no_checkpoint(text):
    with pytest.raises(Mismatch):
        Checkpoint.open(text, VerifierKey.parse(SPEC_KEY))
