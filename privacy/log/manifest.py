"""Row manifests: what a run wrote, row by row, behind one root in its log entry.

A leaf is the RFC 6962 leaf hash of salt ‖ row; the entry of the run holds the root only. Who knows a row can have
it proven from the manifest file; who holds the file alone learns nothing of a row he does not know, for every leaf
has a salt of its own. Bytes of a manifest: ``musubi-manifest/1`` and a newline, then per row 16 bytes of salt and
32 of leaf hash. It is kept as long as the entry.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from privacy.verify import TILE, Mismatch, fold, leaf_hash, node_hash, perfect_root, root_of_inclusion

MAGIC = b"musubi-manifest/1\n"
SALT = 16
LEAF = 32
_RECORD = SALT + LEAF


@dataclass(frozen=True, slots=True)
class RowProof:
    """That a row stands in a manifest: its place, salt and audit path to the root."""

    index: int
    size: int
    salt: bytes
    path: tuple[bytes, ...]


class Manifest:
    """Writes a manifest while a run goes on; memory grows with the logarithm of the rows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = False
        self._peaks: list[tuple[int, bytes]] = []
        """Height above that of a full tile, and root."""
        self._tile: list[bytes] = []
        """Leaves of the tile that is not full yet."""
        self.size = 0

    def add(self, rows: Iterable[bytes]) -> None:
        """Add rows in the order they were written."""
        listed = list(rows)
        if not listed:
            return
        drawn = secrets.token_bytes(SALT * len(listed))
        salts = [drawn[start : start + SALT] for start in range(0, len(drawn), SALT)]
        leaves = [sha256(b"\x00" + salt + row).digest() for salt, row in zip(salts, listed, strict=True)]
        self._tile += leaves
        self.size += len(leaves)
        while len(self._tile) >= TILE:
            self._push(perfect_root(self._tile[:TILE]))
            del self._tile[:TILE]
        if not self._begun:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.write_bytes(MAGIC)
            self._begun = True
        with self._path.open("ab") as file:
            file.write(b"".join([salt + leaf for salt, leaf in zip(salts, leaves, strict=True)]))

    def close(self) -> str:
        """Make the file durable and give the root in hexadecimal; a run that wrote nothing leaves no file."""
        if self._begun:
            with self._path.open("rb") as file:
                os.fsync(file.fileno())
        roots = [root for _, root in self._peaks]
        return fold([*roots, _root(self._tile)] if self._tile else roots).hex()

    def _push(self, root: bytes) -> None:
        height, peaks = 0, self._peaks
        while peaks and peaks[-1][0] == height:
            root = node_hash(peaks.pop()[1], root)
            height += 1
        peaks.append((height, root))


def manifest_root(path: Path) -> str:
    """Compute the root of a manifest file; raise Mismatch where it is none."""
    return _root([leaf for _, leaf in _records(path)]).hex()


def prove_row(path: Path, row: bytes) -> RowProof | None:
    """Find a row in a manifest and prove it; None where it does not stand there."""
    records = list(_records(path))
    for index, (salt, leaf) in enumerate(records):
        if leaf_hash(salt + row) == leaf:
            leaves = [one for _, one in records]
            return RowProof(index, len(leaves), salt, tuple(_path(leaves, index)))
    return None


def verify_row(row: bytes, proof: RowProof, root: str) -> bool:
    """Check a row's proof against the root in the run's log entry."""
    try:
        return root_of_inclusion(leaf_hash(proof.salt + row), proof.index, proof.size, proof.path).hex() == root
    except Mismatch:
        return False


def _records(path: Path) -> Iterator[tuple[bytes, bytes]]:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise Mismatch(f"{path.name}: not a manifest")
        while record := file.read(_RECORD):
            if len(record) != _RECORD:
                raise Mismatch(f"{path.name}: cut off")
            yield record[:SALT], record[SALT:]


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) <= 1:
        return leaves[0] if leaves else fold([])
    split = _split(len(leaves))
    return node_hash(_root(leaves[:split]), _root(leaves[split:]))


def _path(leaves: list[bytes], index: int) -> Iterator[bytes]:
    """Give the audit path from the leaf up (RFC 6962 §2.1.1)."""
    if len(leaves) == 1:
        return
    split = _split(len(leaves))
    if index < split:
        yield from _path(leaves[:split], index)
        yield _root(leaves[split:])
    else:
        yield from _path(leaves[split:], index - split)
        yield _root(leaves[:split])


def _split(size: int) -> int:
    """Give the largest power of two below a size."""
    return 1 << (size - 1).bit_length() - 1
