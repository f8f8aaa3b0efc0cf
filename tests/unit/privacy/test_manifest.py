"""Row manifests: any row is proven against the root, none other is, and a changed file does not give the root."""

import pytest

from privacy.log.manifest import MAGIC, Manifest, manifest_root, prove_row, verify_row
from privacy.verify import Mismatch


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 256, 257, 700, 1025])
def test_every_row_is_proven_and_no_other(tmp_path, size):
    rows = [f"ledger/{number}/{number * 7}".encode() for number in range(size)]
    manifest = Manifest(tmp_path / "run")
    manifest.add(rows[: size // 2])
    manifest.add(rows[size // 2 :])
    root = manifest.close()
    assert manifest.size == size
    assert manifest_root(tmp_path / "run") == root
    for row in rows[:: max(1, size // 9)]:
        proof = prove_row(tmp_path / "run", row)
        assert verify_row(row, proof, root)
        assert not verify_row(b"another", proof, root)
        assert not verify_row(row, proof, "00" * 32)
    assert prove_row(tmp_path / "run", b"another") is None


def test_equal_rows_have_leaves_of_their_own(tmp_path):
    manifest = Manifest(tmp_path / "run")
    manifest.add([b"same", b"same"])
    manifest.close()
    body = (tmp_path / "run").read_bytes()[len(MAGIC) :]
    assert body[16:48] != body[64:96]


def test_a_changed_or_cut_file_is_noticed(tmp_path):
    manifest = Manifest(tmp_path / "run")
    manifest.add([b"one", b"two", b"three"])
    root = manifest.close()
    raw = bytearray((tmp_path / "run").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "run").write_bytes(raw)
    assert manifest_root(tmp_path / "run") != root
    (tmp_path / "run").write_bytes(raw[:-1])
    with pytest.raises(Mismatch):
        manifest_root(tmp_path / "run")
    (tmp_path / "run").write_bytes(b"something else")
    with pytest.raises(Mismatch):
        manifest_root(tmp_path / "run")


def test_a_run_that_wrote_nothing_leaves_no_file(tmp_path):
    manifest = Manifest(tmp_path / "run")
    assert len(manifest.close()) == 64
    assert not (tmp_path / "run").exists()
