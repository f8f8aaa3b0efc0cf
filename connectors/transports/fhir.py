"""FHIR R4 sources: a Bulk Data directory of NDJSON files, or a server searched over HTTP.

Either way a data row is one Patient with the resources that refer to it, as one JSON cell. Resources that refer to a
patient nobody delivered, and lines that are no JSON, are faults of their own.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any

from connectors.deliveries import Delivery, RawFault, Rows, dated, pieces_of
from connectors.numbers import UTF_8, may_hold_numbers
from connectors.transports.files import Undated, declared_date, file_hash, is_unfinished
from schemas.errors import ConfigurationError, SourceUnavailable
from schemas.source import Fhir, SourceDefinition

__all__ = ["HEADER", "FhirSource", "ResourceTable"]

HEADER = ("Patient.id", "resource")
LOOK = 1 << 20
"""Bytes that are searched for numbers together."""
TAIL = 1 << 12
"""Bytes that are read together while the last line is looked for."""
PARTS = {"RelatedPerson": "related", "Encounter": "encounters"}
Json = dict[str, Any]
_DECODER = json.JSONDecoder()


class FhirSource:
    """A directory of bulk exports, one folder per export, or a server."""

    def __init__(self, definition: SourceDefinition, root: Path) -> None:
        if not isinstance(definition.transport, Fhir):
            raise ConfigurationError(f"{definition.id}: transport: not fhir")
        if bool(definition.transport.path) == bool(definition.transport.url):
            raise ConfigurationError(f"{definition.id}: transport: give either path or url")
        self.definition = definition
        self.transport = definition.transport
        self.root = root
        self.waiting: tuple[str, ...] = ()

    def deliveries(self, known_hashes: AbstractSet[str]) -> Iterator[Delivery]:
        """List exports that are not known yet, oldest first."""
        if self.transport.url:
            from connectors.transports.fhir_server import server_delivery

            delivery = server_delivery(self.definition, self.transport)
            if delivery.content_hash not in known_hashes:
                yield delivery
            return
        folder = self.root / self.transport.path
        if not folder.is_dir():
            raise SourceUnavailable(f"{self.definition.id}: folder {self.transport.path} is not there")
        waiting: list[str] = []
        found: list[Delivery] = []
        for export in sorted(entry for entry in folder.glob(self.transport.pattern) if entry.is_dir()):
            files = [export / f"{kind}.ndjson" for kind in self.transport.resources]
            files = [path for path in files if path.is_file()]
            hashes = [file_hash(path) for path in files]
            if not files or not all(hashes) or any(is_unfinished(path) for path in export.iterdir()):
                waiting.append(export.name)
                continue
            digest = hashlib.sha256("".join(hashes).encode()).hexdigest()
            as_of = declared_date(self.transport, export.name)
            content_hash = dated(as_of, digest)
            if content_hash in known_hashes:
                continue
            opener = partial(ResourceTable, self.definition, files)
            chosen = opener if as_of else partial(Undated, opener)
            found.append(Delivery(self.definition, export.name, content_hash, as_of, chosen))
        self.waiting = tuple(waiting)
        yield from sorted(found, key=lambda delivery: (delivery.as_of, delivery.name))


class ResourceTable:
    """Resources joined by the patient they refer to."""

    def __init__(self, definition: SourceDefinition, files: list[Path]) -> None:
        self.definition = definition
        self.header = HEADER
        self.problem: tuple[str, str] = ("", "")
        self._files = {path.stem: path for path in files}
        self._suspect: bool | None = None
        if "Patient" not in self._files:
            self.problem = ("missing-file", "no Patient.ndjson; wait for the whole export")
            return
        for path in files:
            if not _ends_whole(path):
                self.problem = ("truncated", f"{path.name} breaks off; wait for the whole export")

    def suspects(self, size: int) -> Iterator[Rows]:
        """Give the rows that may hold individual numbers; where no file does they are not put together."""
        if self._suspect is None:
            self._suspect = any(_may_hold_numbers(path) for path in self._files.values())
        return (piece for piece in self.pieces(size) if piece.may_hold_numbers()) if self._suspect else iter(())

    def pieces(self, size: int) -> Iterator[Rows]:
        """Read patients with what refers to them."""
        referring: dict[str, dict[str, list[str]]] = {}
        faults: list[RawFault] = []
        for kind, part in PARTS.items():
            for line, text in _lines(self._files.get(kind)):
                resource = _parse(text)
                patient = patient_of(resource) if resource else ""
                if not patient:
                    faults.append(RawFault(line, "not-fhir" if not resource else "no-patient", ("", text)))
                else:
                    referring.setdefault(patient, {}).setdefault(part, []).append(text)
        rows: list[tuple[int, Sequence[str]]] = []
        for line, text in _lines(self._files.get("Patient")):
            resource = _parse(text)
            if not resource or resource.get("resourceType") != "Patient" or not resource.get("id"):
                faults.append(RawFault(line, "not-fhir", ("", text)))
                continue
            patient = str(resource["id"])
            rows.append((line, (patient, _bundle(text, referring.pop(patient, {})))))
            if len(rows) >= size:
                yield from pieces_of(rows, faults, size)
                rows, faults = [], []
        for patient in sorted(referring):
            faults.append(RawFault(0, "unknown-patient", (patient, _bundle("null", referring[patient]))))
        yield from pieces_of(rows, faults, size)


def _bundle(patient: str, parts: dict[str, list[str]]) -> str:
    members = ",".join([f'"{part}":[{",".join(sorted(parts.get(part, ())))}]' for part in PARTS.values()])
    return f'{{"patient":{patient},{members}}}'


def bundle_text(patient: Json, related: list[Json], encounters: list[Json]) -> str:
    """Write a row's cell from resources that came over HTTP; equal content gives equal text."""
    texts = {"related": [_dump(found) for found in related], "encounters": [_dump(found) for found in encounters]}
    return _bundle(_dump(patient), texts)


def _dump(resource: Json) -> str:
    return json.dumps(resource, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _lines(path: Path | None) -> Iterator[tuple[int, str]]:
    if path is None:
        return
    with path.open("rb") as handle:
        for line, raw in enumerate(handle, 1):
            if written := raw.rstrip():
                text = written.decode("utf-8", "replace").removeprefix("\ufeff").strip()
                yield line, _unescaped(text) if b"\\u" in written else text


def _unescaped(text: str) -> str:
    """Write escaped letters as such: digits in or behind an escape hide an individual number."""
    if "\\u" not in text:
        return text
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except (json.JSONDecodeError, RecursionError):
        return text


def _may_hold_numbers(path: Path) -> bool:
    with path.open("rb") as handle:
        while raw := handle.read(LOOK) + handle.readline():
            if UTF_8.may_hold_numbers(raw):
                return True
            if b"\\u" in raw and may_hold_numbers(_unescaped_lines(raw)):
                return True
    return False


def _unescaped_lines(raw: bytes) -> str:
    return "\n".join(_unescaped(line.decode("utf-8", "replace")) for line in raw.split(b"\n"))


def _parse(text: str) -> Json | None:
    try:
        found, end = _DECODER.raw_decode(text)
    except (json.JSONDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) and end == len(text) else None


def patient_of(resource: Json) -> str:
    """Whose resource it is: RelatedPerson.patient, Encounter.subject."""
    target = resource.get("patient") or resource.get("subject") or {}
    reference = target.get("reference", "") if isinstance(target, dict) else ""
    kind, _, patient = str(reference).rpartition("/")
    return patient if kind.endswith("Patient") else ""


def _ends_whole(path: Path) -> bool:
    """Tell whether the last line is whole: JSON that closes, whatever blank lines follow it."""
    with path.open("rb") as handle:
        at = handle.seek(0, os.SEEK_END)
        while at:
            start = max(0, at - TAIL)
            handle.seek(start)
            if last := handle.read(at - start).rstrip():
                return last.endswith(b"}")
            at = start
    return True
