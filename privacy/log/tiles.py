"""The right edge of the tree, and writing tiles so that they are durable before anything refers to them."""

import os
from collections.abc import Iterable
from pathlib import Path

from privacy.verify import (
    TILE,
    LogDirectory,
    fold,
    leaf_hash,
    perfect_root,
    tile_path,
)

TEMPORARY = ".new"


class Edge:
    """The unfinished tiles on every level: all that is needed to append and to know the root."""

    def __init__(self, size: int, levels: list[list[bytes]]) -> None:
        self.size = size
        self.levels = levels

    @classmethod
    def load(cls, directory: Path, size: int) -> "Edge":
        """Read the edge of a log of ``size`` entries; raises verify.Mismatch where a tile is missing."""
        log, levels, level = LogDirectory(directory, size), [], 0
        while size >> 8 * level:
            count = size >> 8 * level
            levels.append(list(log.tile(level, count // TILE)) if count % TILE else [])
            level += 1
        return cls(size, levels)

    def root(self) -> bytes:
        """Give the root of the tree."""
        peaks: list[bytes] = []
        for hashes in reversed(self.levels):
            start = 0
            for power in reversed(range(8)):
                if len(hashes) >> power & 1:
                    peaks.append(perfect_root(hashes[start : start + (1 << power)]))
                    start += 1 << power
        return fold(peaks)

    def append(self, open_bundle: list[bytes], entries: Iterable[bytes]) -> dict[str, bytes]:
        """Append entries and give the files to write, by path.

        ``open_bundle`` holds the entries of the unfinished bundle and is carried on.
        """
        files: dict[str, bytes] = {}
        touched: set[int] = set()
        for entry in entries:
            open_bundle.append(entry)
            self.size += 1
            self._push(0, leaf_hash(entry), files, touched)
            if len(open_bundle) == TILE:
                files[tile_path("entries", self.size // TILE - 1)] = bundle(open_bundle)
                open_bundle.clear()
        if open_bundle and touched:
            files[tile_path("entries", self.size // TILE, len(open_bundle))] = bundle(open_bundle)
        for level in touched:
            if hashes := self.levels[level]:
                path = tile_path(level, (self.size >> 8 * level) // TILE, len(hashes))
                files[path] = b"".join(hashes)
        return files

    def _push(self, level: int, value: bytes, files: dict[str, bytes], touched: set[int]) -> None:
        if level == len(self.levels):
            self.levels.append([])
        hashes = self.levels[level]
        hashes.append(value)
        touched.add(level)
        if len(hashes) == TILE:
            files[tile_path(level, (self.size >> 8 * level) // TILE - 1)] = b"".join(hashes)
            above = perfect_root(hashes)
            hashes.clear()
            self._push(level + 1, above, files, touched)


def bundle(entries: Iterable[bytes]) -> bytes:
    """Join entries into a bundle, each behind its length."""
    return b"".join(part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry))


class LogFiles:
    """Durable writing below the log directory: beside, flushed, renamed, and the directory flushed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, files: dict[str, bytes]) -> None:
        """Write files so that all of them are durable when this returns; each is old or new, never in between."""
        folders: set[Path] = set()
        for name, content in files.items():
            path = self.root / name
            folders.update(self._make(path.parent))
            beside = path.with_name(f".{path.name}{TEMPORARY}")
            self.put(beside, content)
            beside.replace(path)
            folders.add(path.parent)
        for folder in sorted(folders):
            self.flush(folder)

    def drop_partials(self, files: dict[str, bytes]) -> None:
        """Remove the partial tiles that full tiles among ``files`` have replaced (tlog-tiles allows it)."""
        for name in files:
            folder = self.root / f"{name}.p"
            if folder.is_dir():
                for path in folder.iterdir():
                    path.unlink()
                folder.rmdir()

    def put(self, path: Path, content: bytes) -> None:
        """Write one new file and flush it."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def flush(self, folder: Path) -> None:
        """Flush the names in a directory."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _make(self, folder: Path) -> list[Path]:
        """Create missing directories; give the parents in which a name is new."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
        return [path.parent for path in missing]
