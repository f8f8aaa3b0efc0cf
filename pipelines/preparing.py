"""From raw cells to the rows of the store: read, mapped, handed to sealing. Runs in workers, needs no database.

A worker is given everything it must know: key material (in memory only), the definitions, id ranges reserved for its
batch, and what the store already holds of the records it maps, so that a mention keeps its id and its data key.
"""

from array import array
from collections.abc import Iterable, Iterator

from connectors.deliveries import Part, RawBatch, read_part
from connectors.mapping import Mapper
from pipelines.rows import (
    IDS_PER_ROW,
    PART_ROWS,
    RECORD,
    TOO_MANY,
    Cells,
    Prepared,
    Scan,
    Task,
    comparable,
    joined,
    record_name,
    record_token,
    row_digests,
    unflagged_history,
)
from pipelines.sealed import Builder, Taken
from privacy.keyring import Keyring
from privacy.tokens import TokenMinter
from schemas.drafts import RecordDraft
from schemas.errors import RecordRejected
from schemas.source import SourceDefinition


class Preparer:
    """Maps, keys and seals the rows of configured sources; one per process."""

    def __init__(self, keyring: Keyring, definitions: dict[str, SourceDefinition]) -> None:
        self.keyring = keyring
        self.minter = TokenMinter(keyring)
        self._definitions = definitions
        self._mappers: dict[tuple[str, Cells], Mapper] = {}

    def mapper(self, source_id: str, header: Cells) -> Mapper:
        """Give the compiled mapper of a header."""
        found = self._mappers.get((source_id, header))
        if found is None:
            found = self._mappers[source_id, header] = Mapper(self._definitions[source_id], header)
        return found

    def is_event_source(self, source_id: str) -> bool:
        """Tell whether a source delivers events."""
        return self._definitions[source_id].mode == "events"

    def scan(self, source_id: str, given: Part | RawBatch) -> Scan:
        """Look at a part without mapping it."""
        batch = self.read(source_id, given)
        mapper = self.mapper(source_id, batch.header)
        unflagged = unflagged_history(mapper.definition)
        taken = [
            (line, cells, place)
            for (line, cells), place in zip(batch.rows, mapper.places(batch.rows), strict=True)
            if place is not None
        ]
        names = [
            record_name(source_id, key, "" if latest or unflagged else history)
            for _, _, (key, history, latest) in taken
        ]
        return Scan(
            array("q", [line for line, _, _ in taken]),
            array("q", self.minter.each(RECORD, names)),
            array("q", row_digests(self.minter, mapper.fingerprint, [joined(cells) for _, cells, _ in taken])),
            [comparable(history) for _, _, (_, history, _) in taken] if unflagged else [],
            sorted({line for line, _ in batch.rows} - {line for line, _, _ in taken}),
            len(batch.faults),
        )

    def prepare(self, task: Task) -> Prepared:
        """Make the store's rows of a part; what cannot be mapped is sealed for quarantine."""
        out = Prepared()
        context = task.context
        batch = self.read(context.source_id, task.given)
        if len(batch.rows) > PART_ROWS:
            raise ValueError("a part holds more rows than ids were reserved for")
        mapper = self.mapper(context.source_id, batch.header)
        builder = Builder(self.keyring, self.minter, context, out, task.record_base, task.mention_base)
        out.delivered = len(batch.rows) + len(batch.faults)
        for fault in batch.faults if task.faults else ():
            builder.refuse(batch.header, fault.cells, fault.line, fault.code)
        rows = batch.rows
        if task.only is not None:
            rows = [row for row in rows if row[0] in task.only]
        if task.refused:
            for line, cells in rows:
                if line in task.refused:
                    builder.refuse(batch.header, cells, line, task.refused[line], mapper.definition.identity[0])
            rows = [row for row in rows if row[0] not in task.refused]
        texts = [joined(cells) for _, cells in rows]
        digests = row_digests(self.minter, mapper.fingerprint, texts)
        mapped: list[tuple[RecordDraft, int]] = []
        for (line, cells), digest, draft in zip(rows, digests, mapper.map_all(rows, texts), strict=True):
            if isinstance(draft, RecordRejected):
                builder.refuse(batch.header, cells, line, draft.code, draft.field_name)
            elif len(draft.mentions) > IDS_PER_ROW:
                builder.refuse(batch.header, cells, line, TOO_MANY)
            else:
                mapped.append((draft, digest))
        builder.add(self._taken(mapper, context.source_id, mapped), task.known)
        return out

    def _taken(self, mapper: Mapper, source_id: str, mapped: list[tuple[RecordDraft, int]]) -> Iterator[Taken]:
        """Name each record by its keyed token."""
        unflagged = unflagged_history(mapper.definition)
        past = [not (draft.latest or unflagged) for draft, _ in mapped]
        names = [
            record_name(source_id, draft.record_key, draft.history_no if old else "")
            for (draft, _), old in zip(mapped, past, strict=True)
        ]
        tokens = self.minter.each(RECORD, names)
        return (
            Taken(draft, token, digest, old) for (draft, digest), token, old in zip(mapped, tokens, past, strict=True)
        )

    def read(self, source_id: str, given: Part | RawBatch) -> RawBatch:
        """Read a part of a delivery, unless it was read already."""
        return given if isinstance(given, RawBatch) else read_part(self._definitions[source_id], given)

    def rebuild(self, task: Task, drafts: Iterable[tuple[RecordDraft, int, str]]) -> Prepared:
        """Make the store's rows of replayed records: (draft, digest, newest as-of) each."""
        out = Prepared()
        builder = Builder(self.keyring, self.minter, task.context, out, task.record_base, task.mention_base)
        taken = [
            Taken(draft, record_token(self.minter, task.context.source_id, draft.record_key), digest, as_of=as_of)
            for draft, digest, as_of in drafts
        ]
        builder.add(taken, task.known)
        return out
