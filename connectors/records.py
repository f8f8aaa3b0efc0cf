"""The frame of a row: which version of its record it is, its scope, whether it is deleted, what happened."""

from connectors.cells import Columns, folded, join_key
from connectors.readings import Cells, Reading
from schemas.errors import RecordRejected

__all__ = ["RecordPlan"]


class RecordPlan:
    """Reads the frame of a row: history, scope, deletion and event."""

    def __init__(self, columns: Columns) -> None:
        rule = columns.definition.record
        self._columns = columns
        self._rule = rule
        history = [at for name in rule.history if (at := columns.position(name)) is not None]
        self.history = columns.reading(
            history, lambda cells: _history_text(tuple([cells[at] for at in history])) if history else "", absent=""
        )
        """A row's history and branch number joined so that they compare as one; empty where the source has none."""
        self.latest = columns.condition(rule.latest, otherwise=True) or _constant(columns, value=True)
        self.deleted = columns.condition(rule.deleted, otherwise=False) or _constant(columns, value=False)
        scope, positions = columns.value(rule.scope)
        self.scope = columns.reading(positions, scope, absent="")
        self._event = [columns.position(name) for name in rule.event_key] if rule.event_date else []

    def frame(self, cells: Cells) -> tuple[str, bool, tuple[str, str, str] | None]:
        """Read a row's scope, whether it is deleted, and its event."""
        return self.scope(cells), self.deleted(cells), self._read_event(cells) if self._rule.event_date else None

    def _read_event(self, cells: Cells) -> tuple[str, str, str]:
        columns, rule = self._columns, self._rule
        when = columns.date(cells, columns.position(rule.event_date), rule.event_date)
        if when is None or len(when.value) != 10:
            raise RecordRejected("event-date", rule.event_date)
        corrected = columns.date(cells, columns.position(rule.correction), rule.correction)
        key = join_key([cells[at] for at in self._event if at is not None])
        return when.value, key, corrected.value if corrected else ""


def _constant(columns: Columns, *, value: bool) -> Reading[bool]:
    return columns.reading((), lambda _cells: value, absent=value)


def _history_text(parts: tuple[str, ...]) -> str:
    """Join history and branch number so that they compare as one number."""
    plain = [folded(part) for part in parts]
    if plain and all(part.isdigit() or not part for part in plain) and plain[0]:
        return plain[0] + "".join((part or "0").zfill(4) for part in plain[1:])
    return "-".join(plain)
