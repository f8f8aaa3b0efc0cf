from pathlib import Path

import pytest

from connectors import presets
from connectors.mapping import Mapper
from connectors.testing import SourceProbe
from schemas.errors import RecordRejected


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


def test_an_order_is_taken_whatever_of_it_cannot_be_read(tmp_path: Path) -> None:
    probe = SourceProbe(tmp_path, "address_protection", extra='[codes.protection_kind]\n"DV" = "dv"\n')
    mapper = Mapper(probe.definition, presets.columns("address_protection"))
    draft = mapper.map(row(mapper, 支援措置番号="S1", 支援措置事由="？", 氏名="番号　無子", 生年月日="昭和２Ｘ年"), 7)
    (mention,) = draft.mentions
    assert (draft.record_key, mention.names[0].full) == ("/S1", "番号　無子")
    assert mention.birth is not None
    assert (mention.birth.value, mention.birth.quality, mention.birth.original) == ("", "unknown", "昭和２Ｘ年")
    assert mention.protection is not None
    assert (mention.protection.kind, mention.protection.lifted) == ("other", False)
    nameless = mapper.map(row(mapper, 宛名番号="12", 支援措置番号="S1"), 7)
    assert nameless.mentions[0].protection is not None
    with pytest.raises(RecordRejected, match="identity-missing"):
        mapper.map(row(mapper, 氏名="番号　無子"), 7)
    with pytest.raises(RecordRejected, match="name-missing"):
        mapper.map(row(mapper, 支援措置番号="S1"), 7)
