from pathlib import Path

import pytest

from connectors import presets
from connectors.mapping import Mapper
from connectors.testing import SourceProbe


@pytest.fixture
def mapper(tmp_path: Path) -> Mapper:
    return Mapper(SourceProbe(tmp_path, "resident_ledger").definition, presets.columns("resident_ledger"))


def row(mapper: Mapper, **cells: str) -> tuple[str, ...]:
    return tuple(cells.get(name, "") for name in mapper.header)


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        ({"宛名番号": "12", "個人履歴番号": "3", "最新フラグ": "1"}, ("12", "30000", True)),
        ({"宛名番号": "１２", "個人履歴番号": "３", "最新フラグ": "０"}, ("12", "30000", False)),
        ({"宛名番号": "12", "個人履歴番号": "3", "個人履歴番号_枝番号": "1"}, ("12", "30001", False)),
        ({"個人履歴番号": "3", "最新フラグ": "1"}, None),
        ({"宛名番号": "　", "最新フラグ": "1"}, None),
    ],
)
def test_a_row_is_placed_without_being_mapped(mapper: Mapper, cells: dict[str, str], place: object) -> None:
    assert mapper.place(row(mapper, **cells)) == place


def test_a_row_of_another_width_is_placed_by_what_it_has(mapper: Mapper) -> None:
    whole = row(mapper, 宛名番号="12", 個人履歴番号="3", 最新フラグ="1")
    assert mapper.place(whole[:3]) == ("12", "30000", False)
    assert mapper.place(whole[:1]) is None
