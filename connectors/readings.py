"""Readings: functions of a few cells of a row, remembered by those cells, for one row or for a column of rows.

Many rows say the same under the same columns, so an answer is drawn once. What rejects a row or warns of it is not
remembered: a batch notes such rows as odd and leaves them to the reading of single rows, which says what is wrong.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Generic, TypeVar

from schemas.errors import RecordRejected

__all__ = ["Batch", "Cells", "Reading"]

Cells = Sequence[str]
Answer = TypeVar("Answer")
MEMORY = 1 << 16
"""Answers a reading remembers before it starts anew."""
NEAR = 1 << 13
"""The same of names, addresses and numbers: those that come again come soon."""
_ODD: Any = object()


class Batch:
    """Rows of one header as columns, and which of them have to be read one by one."""

    def __init__(self, rows: Sequence[Cells]) -> None:
        self.count = len(rows)
        self.columns: list[Cells] = list(zip(*rows, strict=True))
        self.odd: set[int] = set()

    def filled(self, position: int) -> list[int]:
        """Give the rows whose cell in a column is not empty."""
        column = self.columns[position]
        return [row for row, cell in enumerate(column) if cell] if any(column) else []


class _Answers(dict[Any, Any]):
    """Answers by what the cells hold."""

    def __init__(self, draw: Callable[[Any], Any], warnings: list[str], most: int) -> None:
        super().__init__()
        self._draw = draw
        self._warnings = warnings
        self._most = most
        self.odd = 0

    def __missing__(self, key: Any) -> Any:
        told = len(self._warnings)
        try:
            found = self._draw(key)
        except RecordRejected:
            found = _ODD
        if found is _ODD or len(self._warnings) > told:
            del self._warnings[told:]
            self.odd += 1
            return _ODD
        if len(self) >= self._most:
            self.clear()
        self[key] = found
        return found


class Reading(Generic[Answer]):
    """A function of a row that looks at the cells of ``positions`` only.

    Where the cell at ``needed`` is empty the answer is ``absent`` without a look at the others.
    """

    def __init__(
        self,
        positions: Sequence[int],
        read: Callable[[Cells], Answer],
        *,
        absent: Answer,
        width: int,
        warnings: list[str],
        needed: int | None = None,
        most: int = MEMORY,
    ) -> None:
        self.positions = tuple(positions)
        self._read = read
        self._absent = absent
        self._width = width
        self._needed = needed
        self._pick: Callable[[Cells], Any] = itemgetter(*self.positions) if self.positions else lambda _cells: ()
        self._answers = _Answers(self._draw, warnings, most)

    def __call__(self, cells: Cells) -> Answer:
        """Read one row; raises RecordRejected and warns as the function does."""
        if self._needed is not None and not cells[self._needed]:
            return self._absent
        found = self._answers[self._pick(cells)]
        return self._read(cells) if found is _ODD else found

    def column(self, batch: Batch) -> list[Answer]:
        """Read every row of a batch; of a row that is odd the answer is ``absent``."""
        if self._needed is not None:
            rows = batch.filled(self._needed)
            found = [self._absent] * batch.count
            if rows:
                answers = self._asked(batch, rows if len(rows) < batch.count else range(batch.count))
                for row, answer in zip(rows, answers, strict=True):
                    found[row] = answer
            return found
        if not any(map(any, (batch.columns[at] for at in self.positions))):
            odd = self._answers.odd
            found = self._asked(batch, range(min(1, batch.count))) * batch.count
            if self._answers.odd > odd:
                batch.odd.update(range(batch.count))
            return found
        return self._asked(batch, range(batch.count))

    def _asked(self, batch: Batch, rows: Sequence[int]) -> list[Answer]:
        answers, columns = self._answers, [batch.columns[at] for at in self.positions]
        odd = answers.odd
        if len(rows) < batch.count:
            columns = [[column[row] for row in rows] for column in columns]
        keys = columns[0] if len(columns) == 1 else zip(*columns, strict=True) if columns else [()] * len(rows)
        found = list(map(answers.__getitem__, keys))
        if answers.odd > odd:
            strange = [at for at, answer in enumerate(found) if answer is _ODD]
            batch.odd.update(rows[at] for at in strange)
            for at in strange:
                found[at] = self._absent
        return found

    def _draw(self, key: Any) -> Answer:
        """Draw an answer from the cells looked at; the others do not matter."""
        cells = [""] * self._width
        for position, cell in zip(self.positions, key if len(self.positions) != 1 else (key,), strict=True):
            cells[position] = cell
        return self._read(cells)
