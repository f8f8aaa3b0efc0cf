"""Files in a drop folder: listed, hashed, read; never moved, renamed or deleted.

A file is taken when it is complete: its size and time did not change while it was hashed, nothing touched it for
``quiet_seconds``, and its name does not say that somebody is still writing it.
"""

import hashlib
import re
import time
from calendar import monthrange
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path

from connectors.deliveries import Delivery, Piece, Table, dated
from connectors.transports.delimited import DelimitedTable, KokuhoTable
from connectors.transports.json_records import JsonTable
from connectors.transports.sheets import SheetTable
from schemas.errors import ConfigurationError, SourceUnavailable
from schemas.source import Fhir, Files, SourceDefinition

__all__ = ["FileSource", "as_of_text", "file_hash"]

BLOCK = 1 << 20
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp")
_TABLES: dict[str, Callable[[SourceDefinition, Path], Table]] = {
    "csv": DelimitedTable,
    "tsv": DelimitedTable,
    "kokuho": KokuhoTable,
    "xlsx": SheetTable,
    "json": JsonTable,
    "ndjson": JsonTable,
}


def as_of_text(digits: str) -> str:
    """Write YYYYMMDD as an ISO date, YYYYMM as the last day of that month; empty when it is no date."""
    year, month, day = digits[:4], digits[4:6], digits[6:8]
    if not digits.isdigit() or len(digits) not in {6, 8} or not 1 <= int(month) <= 12:
        return ""
    last = monthrange(int(year), int(month))[1]
    if not day:
        day = f"{last:02}"
    return f"{year}-{month}-{day}" if 1 <= int(day) <= last else ""


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes; empty when the file changed meanwhile."""
    try:
        before = path.stat()
        digest = hashlib.sha256()
        with path.open("rb") as handle:
            while block := handle.read(BLOCK):
                digest.update(block)
        after = path.stat()
    except OSError:
        raise SourceUnavailable(f"{path.name}: cannot be read now; the next run tries again") from None
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return digest.hexdigest() if same else ""


def is_unfinished(path: Path) -> bool:
    """Tell by its name that a file is not for us: being written, or Excel's lock file."""
    return path.name.startswith((".", "~$")) or path.name.lower().endswith(UNFINISHED)


class FileSource:
    """The drop folder of one source."""

    def __init__(self, definition: SourceDefinition, root: Path, clock: Callable[[], float] = time.time) -> None:
        if not isinstance(definition.transport, Files):
            raise ConfigurationError(f"{definition.id}: transport: not files")
        if definition.format.kind not in _TABLES:
            raise ConfigurationError(f"{definition.id}: format.kind: {definition.format.kind} is not a file of rows")
        self.definition = definition
        self.transport = definition.transport
        self.folder = root / self.transport.path
        self.waiting: tuple[str, ...] = ()
        self._clock = clock

    def deliveries(self, known_hashes: AbstractSet[str]) -> Iterator[Delivery]:
        """List complete files that are not known yet, oldest as-of first."""
        if not self.folder.is_dir():
            raise SourceUnavailable(f"{self.definition.id}: drop folder {self.transport.path} is not there")
        waiting: list[str] = []
        found: list[Delivery] = []
        for path in sorted(self.folder.glob(self.transport.pattern)):
            if not path.is_file() or path.name.startswith((".", "~$")):
                continue
            if is_unfinished(path) or self._is_young(path) or not (digest := file_hash(path)):
                waiting.append(path.name)
                continue
            content_hash = digest if self.transport.as_of_control else dated(self._as_of(path), digest)
            if content_hash not in known_hashes:
                found.append(self._delivery(path, content_hash))
        self.waiting = tuple(waiting)
        yield from sorted(found, key=lambda delivery: (delivery.as_of, delivery.name))

    def _is_young(self, path: Path) -> bool:
        return self.transport.quiet_seconds > 0 and (
            self._clock() - path.stat().st_mtime < self.transport.quiet_seconds
        )

    def _as_of(self, path: Path) -> str:
        return declared_date(self.transport, path.name)

    def _delivery(self, path: Path, content_hash: str) -> Delivery:
        as_of = self._as_of(path)
        opener = partial(open_table, self.definition, path)
        if self.transport.as_of_control and isinstance(table := opener(), KokuhoTable):
            as_of = as_of_text(table.month)
        return Delivery(
            self.definition, path.name, content_hash, as_of, opener if as_of else partial(Undated, opener)
        )


def declared_date(transport: Files | Fhir, name: str) -> str:
    """Read the as-of out of a name; empty when the pattern finds none."""
    match = re.search(transport.as_of, name)
    return as_of_text(match["date"]) if match else ""


def open_table(definition: SourceDefinition, path: Path) -> Table:
    """Open a file as the kind of table its definition says."""
    return _TABLES[definition.format.kind](definition, path)


class Undated:
    """The table of a delivery that does not say as of when it is; it is always held, its rows are counted."""

    def __init__(self, opener: Callable[[], Table]) -> None:
        self._table = opener()
        self.header = self._table.header
        detail = "carries no date; name files with YYYYMMDD or set [transport] as_of"
        self.problem = ("no-as-of", detail)

    def suspects(self, size: int) -> Iterator[Piece]:
        """Ask the table itself."""
        return self._table.suspects(size)

    def pieces(self, size: int) -> Iterator[Piece]:
        """Give the table's rows, to be counted."""
        return self._table.pieces(size)
