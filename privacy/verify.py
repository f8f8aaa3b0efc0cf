"""Check a Musubi log without Musubi: this file needs Python 3.11 and ``cryptography``, nothing else.

    python verify.py log LOG_DIRECTORY VKEY [--against CHECKPOINT]
    python verify.py receipt RECEIPT ENTRY VKEY

``log`` reads every entry and every tile of a log directory and prints what does not fit; ``--against`` takes a
checkpoint kept elsewhere and checks that the log only grew since. ``receipt`` checks that one entry stands in
the log of a signed checkpoint. Exit code 0: everything fits; 1: something does not; 2: wrong usage.

The formats are the public ones of C2SP: tlog-tiles, tlog-checkpoint, signed-note, tlog-proof; the tree is that
of RFC 6962 §2.1. ``VKEY`` is the log's public key, ``name+id+key``, from whom you trust, not from the log.
"""

import argparse
import hashlib
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TILE = 256
HASH = 32
ED25519 = 0x01
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
EMPTY_ROOT = hashlib.sha256(b"").digest()
_PARTIAL = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})\.p/([0-9]{1,3})")


class Mismatch(Exception):
    """Something in the log, a checkpoint or a receipt does not fit; the text says where."""


# --- the tree (RFC 6962 §2.1) -----------------------------------------------------------------------------


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: list[bytes]) -> bytes:
    """Give the root over 1, 2, 4, ... or 256 hashes."""
    sha256 = hashlib.sha256
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    return hashes[0]


def peaks(size: int) -> Iterator[tuple[int, int]]:
    """Name the perfect subtrees of a tree from left to right as (height, index at that height)."""
    start = 0
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            yield height, start >> height
            start += 1 << height


def fold(hashes: list[bytes]) -> bytes:
    """Join the roots of :func:`peaks` into the root of the tree."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


# --- checkpoints (signed-note, tlog-checkpoint) -----------------------------------------------------------


def unbase64(text: str) -> bytes:
    """Decode standard Base64; only the one canonical spelling passes."""
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raise Mismatch("not Base64") from None
    if b64encode(raw).decode() != text:
        raise Mismatch("not canonical Base64")
    return raw


@dataclass(frozen=True)
class VerifierKey:
    """The public key of a log: ``name+hex(key id)+Base64(01 ‖ Ed25519 key)``."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; raise Mismatch where key and key id disagree."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = unbase64(encoded)
        if len(raw) != 1 + HASH or raw[0] != ED25519:
            raise Mismatch("not an Ed25519 verifier key")
        key = cls(name, raw[1:])
        if key.key_id.hex() != key_id:
            raise Mismatch("the verifier key does not carry its own id")
        return key

    @property
    def key_id(self) -> bytes:
        """The four bytes that open every signature of this key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([ED25519]) + self.public).decode()}"


@dataclass(frozen=True)
class Checkpoint:
    """A signed statement: the log ``origin`` has ``size`` entries under ``root``."""

    origin: str
    size: int
    root: bytes
    text: str = field(repr=False)

    @classmethod
    def open(cls, text: str, key: VerifierKey) -> Self:
        """Read a checkpoint whose origin and signature are of ``key``; raise Mismatch otherwise."""
        note, gap, signatures = text.rpartition("\n\n")
        note += "\n"
        lines = note.split("\n")
        if not gap or len(lines) < 4 or any(character < " " for character in text.replace("\n", "")):
            raise Mismatch("checkpoint: not a signed note")
        if not signatures.endswith("\n") or not any(
            _signed(line, note, key) for line in signatures.removesuffix("\n").split("\n")
        ):
            raise Mismatch("checkpoint: not signed by the log's key")
        origin, size, root = lines[0], lines[1], unbase64(lines[2])
        if (
            origin != key.name
            or not size.isascii()
            or not size.isdigit()
            or size != str(int(size))
            or len(root) != HASH
        ):
            raise Mismatch("checkpoint: not of this log")
        return cls(origin, int(size), root, text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and text == str(int(text))


def _signed(line: str, note: str, key: VerifierKey) -> bool:
    """Tell whether a signature line is of ``key``; lines of other keys are no concern, a bad one of ours is."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not name or not encoded:
        raise Mismatch("checkpoint: broken signature line")
    raw = unbase64(encoded)
    if name != key.name or raw[:4] != key.key_id:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], note.encode())
    except InvalidSignature:
        raise Mismatch("checkpoint: the signature does not fit") from None
    return True


# --- tiles and entries (tlog-tiles) -----------------------------------------------------------------------


def tile_path(level: int | str, index: int, width: int = TILE) -> str:
    """Name a tile (level 0, 1, ...) or a bundle of entries (level ``entries``) below the log directory."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == TILE else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def tile_widths(size: int, level: int) -> Iterator[tuple[int, int]]:
    """Name the tiles of one level at a size as (index, width)."""
    count = size >> 8 * level
    yield from ((index, TILE) for index in range(count // TILE))
    if count % TILE:
        yield count // TILE, count % TILE


def split_bundle(raw: bytes) -> list[bytes]:
    """Cut a bundle into its entries: each behind its length, two bytes big-endian."""
    entries, position = [], 0
    while position < len(raw):
        end = position + 2 + int.from_bytes(raw[position : position + 2], "big")
        if end > len(raw) or position + 2 > len(raw):
            raise Mismatch("a bundle ends inside an entry")
        entries.append(raw[position + 2 : end])
        position = end
    return entries


class LogDirectory:
    """The hashes and entries of a log on disk, read as of one size."""

    def __init__(self, root: Path, size: int) -> None:
        self.root = root
        self.size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def read(self, level: int | str, index: int, width: int) -> bytes:
        """Read a tile or bundle; a partial one that is gone is found in the full one that replaced it."""
        for path in (tile_path(level, index, width), tile_path(level, index)):
            try:
                return (self.root / path).read_bytes()
            except FileNotFoundError:
                continue
        raise Mismatch(f"{tile_path(level, index, width)}: missing")

    def tile(self, level: int, index: int) -> list[bytes]:
        """Give the hashes of one tile as of the size."""
        known = self._tiles.get((level, index))
        if known is None:
            width = min(TILE, (self.size >> 8 * level) - TILE * index)
            raw = self.read(level, index, width)
            if len(raw) < width * HASH or len(raw) % HASH:
                raise Mismatch(f"{tile_path(level, index, width)}: {len(raw)} bytes")
            known = [raw[at : at + HASH] for at in range(0, width * HASH, HASH)]
            self._tiles[level, index] = known
        return known

    def entry(self, index: int) -> bytes:
        """Give one entry."""
        start = index - index % TILE
        return self.bundle(start // TILE, min(TILE, self.size - start))[index - start]

    def bundle(self, index: int, width: int) -> list[bytes]:
        """Give the first ``width`` entries of one bundle, whose file is that wide or full."""
        entries = split_bundle(self.read("entries", index, width))
        if len(entries) not in (width, TILE):
            raise Mismatch(f"{len(entries)} entries instead of {width}")
        return entries[:width]

    def subtree(self, height: int, index: int) -> bytes:
        """Give the root of the perfect subtree of ``2**height`` entries that starts at ``index << height``."""
        level, inside = divmod(height, 8)
        first = index << inside
        return perfect_root(self.tile(level, first // TILE)[first % TILE : first % TILE + (1 << inside)])

    def span(self, start: int, end: int) -> bytes:
        """Give the root over the entries ``[start, end)`` where the split of RFC 6962 §2.1 makes it a node."""
        roots, position = [], start
        for height, _ in peaks(end - start):
            roots.append(self.subtree(height, position >> height))
            position += 1 << height
        return fold(roots)

    def inclusion(self, index: int) -> list[bytes]:
        """Give the audit path of one entry, from the leaf up."""
        if not 0 <= index < self.size:
            raise Mismatch(f"entry {index}: the log has {self.size}")
        path, start, end = [], 0, self.size
        while end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if index < middle:
                path.append(self.span(middle, end))
                end = middle
            else:
                path.append(self.span(start, middle))
                start = middle
        return path[::-1]


def root_of_inclusion(entry_hash: bytes, index: int, size: int, path: Iterable[bytes]) -> bytes:
    """Compute the root that an audit path proves (RFC 9162 §2.1.3.2); raise Mismatch for a path of wrong length."""
    if not 0 <= index < size:
        raise Mismatch("index beyond the checkpoint")
    position, last, root = index, size - 1, entry_hash
    for sibling in path:
        if last == 0:
            raise Mismatch("audit path too long")
        if position & 1 or position == last:
            root = node_hash(sibling, root)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise Mismatch("audit path too short")
    return root


# --- what an auditor asks ---------------------------------------------------------------------------------


def verify_receipt(receipt: str, entry: bytes, key: VerifierKey) -> tuple[int, Checkpoint]:
    """Check a ``.tlog-proof`` for an entry; give its index and the checkpoint, raise Mismatch where it fails."""
    head, _, checkpoint_text = receipt.partition("\n\n")
    lines = [line for line in head.split("\n") if not line.startswith("extra ")]
    if len(lines) < 2 or lines[0] != PROOF_HEADER or not lines[1].startswith("index "):
        raise Mismatch("receipt: not a tlog-proof")
    number = lines[1].removeprefix("index ")
    if not _is_number(number):
        raise Mismatch("receipt: no index")
    checkpoint = Checkpoint.open(checkpoint_text, key)
    path = [unbase64(line) for line in lines[2:]]
    if root_of_inclusion(leaf_hash(entry), int(number), checkpoint.size, path) != checkpoint.root:
        raise Mismatch("receipt: the entry is not the one that was logged")
    return int(number), checkpoint


@dataclass(frozen=True)
class Finding:
    """Something that does not fit: where, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def verify_log(
    directory: Path,
    key: VerifierKey,
    *,
    checkpoint: str | None = None,
    against: str | None = None,
    each: Callable[[int, bytes], None] | None = None,
) -> tuple[Checkpoint | None, list[Finding]]:
    """Read a whole log and list every finding; ``each`` is given every entry in order.

    ``checkpoint`` is one from elsewhere (the database) to verify instead of the directory's own file; ``against``
    an older one that the log must have grown from.
    """
    findings: list[Finding] = []
    try:
        text = checkpoint if checkpoint is not None else (directory / "checkpoint").read_bytes().decode()
        head = Checkpoint.open(text, key)
    except (FileNotFoundError, UnicodeDecodeError, Mismatch) as fault:
        what = str(fault) if isinstance(fault, Mismatch) else "missing or not UTF-8"
        return None, [Finding("checkpoint", what)]
    known = {"checkpoint"}
    log = LogDirectory(directory, head.size)
    level_hashes = list(_check_entries(log, known, findings, each))
    roots: dict[int, list[bytes]] = {}
    level = 0
    while level_hashes or level == 0:
        roots[level] = level_hashes
        level_hashes = _check_level(log, level, level_hashes, known, findings)
        level += 1
    old = _open_older(against, key, head, findings)
    for wanted, name in ((head, "checkpoint"), (old, "older checkpoint")):
        if wanted is not None and _root_at(roots, wanted.size) != wanted.root:
            findings.append(Finding(name, f"the entries do not give its root at size {wanted.size}"))
    findings.extend(_check_strays(directory, known, roots))
    return head, findings


def _open_older(
    against: str | None, key: VerifierKey, head: Checkpoint, findings: list[Finding]
) -> Checkpoint | None:
    if against is None:
        return None
    try:
        old = Checkpoint.open(against, key)
    except Mismatch as fault:
        findings.append(Finding("older checkpoint", str(fault)))
        return None
    if old.size > head.size:
        findings.append(Finding("checkpoint", f"the log shrank from {old.size} to {head.size} entries"))
        return None
    return old


def _check_entries(
    log: LogDirectory, known: set[str], findings: list[Finding], each: Callable[[int, bytes], None] | None
) -> Iterator[bytes]:
    """Yield the hash of every entry; where a bundle is broken, what its tile says instead."""
    sha256 = hashlib.sha256
    for index, width in tile_widths(log.size, 0):
        where = tile_path("entries", index, width)
        known.add(where)
        try:
            entries = log.bundle(index, width)
            for offset, entry in enumerate(entries if each else ()):
                each(index * TILE + offset, entry)  # type: ignore[misc]
            yield from [sha256(b"\x00" + entry).digest() for entry in entries]
        except Mismatch as fault:
            findings.append(Finding(where, str(fault)))
            try:
                yield from log.tile(0, index)
            except Mismatch:
                yield from [bytes(HASH)] * width


def _check_level(
    log: LogDirectory, level: int, hashes: list[bytes], known: set[str], findings: list[Finding]
) -> list[bytes]:
    """Compare the tiles of a level with the hashes computed for it; give the hashes of the level above."""
    above = []
    for index, width in tile_widths(log.size, level):
        where = tile_path(level, index, width)
        known.add(where)
        expected = hashes[index * TILE : index * TILE + width]
        try:
            raw = log.read(level, index, width)
            if raw[: width * HASH] != b"".join(expected):
                first = next(at for at in range(width) if raw[at * HASH : at * HASH + HASH] != expected[at])
                findings.append(Finding(where, f"hash {first} is not that of the entries below it"))
            elif len(raw) != width * HASH and len(raw) != TILE * HASH:
                findings.append(Finding(where, f"{len(raw)} bytes"))
        except Mismatch as fault:
            findings.append(Finding(where, str(fault).removeprefix(f"{where}: ")))
        if width == TILE:
            above.append(perfect_root(expected))
    return above


def _root_at(roots: dict[int, list[bytes]], size: int) -> bytes:
    """Compute the root of the first ``size`` entries from the hashes of all levels."""
    found = []
    for height, index in peaks(size):
        level, inside = divmod(height, 8)
        first = index << inside
        found.append(perfect_root(roots[level][first : first + (1 << inside)]))
    return fold(found)


def _check_strays(directory: Path, known: set[str], roots: dict[int, list[bytes]]) -> Iterator[Finding]:
    """Check partial tiles of earlier checkpoints, and name files that belong to no log; dot files are no part."""
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if name in known or path.is_dir() or path.name.startswith("."):
            continue
        partial = _PARTIAL.fullmatch(name)
        if partial is None:
            yield Finding(name, "belongs to no checkpointed size")
            continue
        level, groups, width = partial[1], partial[2], int(partial[3])
        start = int(groups.replace("x", "").replace("/", "")) * TILE
        hashes = roots.get(0 if level == "entries" else int(level), [])[start : start + width]
        raw = path.read_bytes()
        try:
            found = [leaf_hash(entry) for entry in split_bundle(raw)] if level == "entries" else None
        except Mismatch:
            found = []
        if len(hashes) != width or (raw != b"".join(hashes) if found is None else found != hashes):
            yield Finding(name, "an earlier partial tile does not fit the log")


def main(arguments: list[str] | None = None) -> int:
    """Run the verifier from a command line."""
    parser = argparse.ArgumentParser(prog="verify.py", description=(__doc__ or "").split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    whole = commands.add_parser("log", help="verify a whole log directory")
    whole.add_argument("directory", type=Path)
    whole.add_argument("vkey")
    whole.add_argument("--against", type=Path, help="a checkpoint kept elsewhere")
    single = commands.add_parser("receipt", help="verify that one entry is in the log")
    single.add_argument("receipt", type=Path)
    single.add_argument("entry", type=Path)
    single.add_argument("vkey")
    chosen = parser.parse_args(arguments)
    try:
        key = VerifierKey.parse(chosen.vkey)
        if chosen.command == "receipt":
            index, head = verify_receipt(chosen.receipt.read_text("utf-8"), chosen.entry.read_bytes(), key)
            say = f"entry {index} of {head.size} in {head.origin}"
            findings: list[Finding] = []
        else:
            against = chosen.against.read_text("utf-8") if chosen.against else None
            head_or_none, findings = verify_log(chosen.directory, key, against=against)
            say = f"{head_or_none.size} entries in {head_or_none.origin}, all in place" if head_or_none else ""
    except (Mismatch, OSError, UnicodeDecodeError) as fault:
        findings, say = [Finding(chosen.command, str(fault))], ""
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    if not findings:
        sys.stdout.write(f"{say}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
