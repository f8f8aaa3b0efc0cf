"""JSON and NDJSON as tables: one object is one row, its members are columns, inner members joined by dots."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.deliveries import RawFault, Rows
from connectors.numbers import may_hold_numbers
from connectors.transports.encodings import private_use, readable_encoding
from schemas.source import SourceDefinition

__all__ = ["JsonTable"]

SEPARATOR = "、"
"""Joins the members of a list of plain values in one cell."""
Cells = tuple[str, ...]


class JsonTable:
    """A JSON list of objects, or one object per line."""

    def __init__(self, definition: SourceDefinition, path: Path) -> None:
        self.definition = definition
        self.path = path
        self.problem: tuple[str, str] = ("", "")
        self.header: Cells = ()
        self._gaiji = private_use(definition.format.gaiji)
        self._suspect = False
        self.encoding = readable_encoding(path, definition.format.encodings)
        if not self.encoding:
            self.problem = ("encoding", "not readable in a declared encoding; JSON is written in UTF-8")
            return
        self._look_through()

    def suspects(self, size: int) -> Iterator[Rows]:
        """Give the objects that may hold individual numbers."""
        return (piece for piece in self.pieces(size) if piece.may_hold_numbers()) if self._suspect else iter(())

    def pieces(self, size: int) -> Iterator[Rows]:
        """Read the objects."""
        rows: list[tuple[int, list[str]]] = []
        faults: list[RawFault] = []
        for line, record in self._records():
            if not isinstance(record, dict):
                faults.append(RawFault(line, "not-an-object", ()))
                continue
            flat = _flatten(record)
            cells = [flat.get(name, "").translate(self._gaiji) for name in self.header]
            if any("\0" in cell for cell in cells):
                faults.append(RawFault(line, "nul", tuple(cell.replace("\0", "") for cell in cells)))
            else:
                rows.append((line, cells))
            if len(rows) + len(faults) >= size:
                yield Rows(rows, faults)
                rows, faults = [], []
        yield Rows(rows, faults)

    def _look_through(self) -> None:
        names: dict[str, None] = {}
        for _, record in self._records():
            if isinstance(record, dict):
                flat = _flatten(record)
                names.update(dict.fromkeys(flat))
                self._suspect = self._suspect or may_hold_numbers("\n".join(flat.values()))
        if not names and not self.problem[0]:
            self.problem = ("empty-file", "no records; the export was empty or is still being written")
        self.header = tuple(names)

    def _records(self) -> Iterator[tuple[int, Any]]:
        if self.definition.format.kind == "ndjson":
            yield from self._lines()
            return
        try:
            content = json.loads(self.path.read_text(self.encoding))
        except (json.JSONDecodeError, RecursionError):
            self.problem = ("truncated", "not a whole JSON document; wait for the whole file and deliver it again")
            return
        for part in filter(None, self.definition.format.rows.split(".")):
            content = content.get(part) if isinstance(content, dict) else None
        if not isinstance(content, list):
            self.problem = ("missing-list", "no list of records; name its path in [format] rows")
            return
        yield from enumerate(content, 1)

    def _lines(self) -> Iterator[tuple[int, Any]]:
        with self.path.open(encoding=self.encoding, newline="\n") as handle:
            for line, text in enumerate(handle, 1):
                if not text.strip():
                    continue
                try:
                    yield line, json.loads(text)
                except (json.JSONDecodeError, RecursionError):
                    yield line, None


def _flatten(record: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in record.items():
        where = f"{prefix}{name}"
        if isinstance(value, dict):
            flat |= _flatten(value, f"{where}.")
        elif isinstance(value, list):
            if all(not isinstance(part, dict | list) for part in value):
                flat[where] = SEPARATOR.join(_scalar(part) for part in value)
            else:
                for number, part in enumerate(value, 1):
                    flat |= _flatten(part, f"{where}.{number}.") if isinstance(part, dict) else {}
        else:
            flat[where] = _scalar(value)
    return flat


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)
