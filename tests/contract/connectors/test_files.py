from pathlib import Path

import pytest

from connectors.testing import SourceProbe, preset_text
from schemas.errors import SourceUnavailable
from schemas.vocabulary import FactKind, MentionRole

RESIDENT = {
    "宛名番号": "000000000012345",
    "世帯番号": "000000000000777",
    "個人履歴番号": "2",
    "最新フラグ": "1",
    "住民種別": "1",
    "住民状態": "1",
    "氏名": "髙橋　花子",
    "氏名_フリガナ": "タカハシ　ハナコ",
    "性別": "2",
    "生年月日": "1984-02-29",
    "続柄コード1": "12",
    "世帯主氏名": "髙橋　一郎",
    "住所_都道府県": "東京都",
    "住所_市区郡町村名": "結市",
    "住所_町字": "緑町二丁目",
    "住所_番地号表記": "３番４号",
    "住所_方書": "コーポ緑２０３",
    "住所_郵便番号": "１９０－００１２",
    "住民票コード": "11111111111",
}


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
def test_a_ledger_row_becomes_a_record(tmp_path: Path, encoding: str) -> None:
    probe = SourceProbe(tmp_path, "resident_ledger")
    probe.drop("URE_20261101.csv", preset_text("resident_ledger", [RESIDENT]).encode(encoding))
    outcome = probe.only()
    (draft,) = outcome.drafts
    subject, head = draft.mentions
    assert draft.record_key == "000000000012345"
    assert subject.names[0].full == "髙橋　花子"
    assert (subject.names[0].family, subject.names[0].kana_given) == ("髙橋", "ハナコ")
    assert subject.birth is not None
    assert subject.birth.value == "1984-02-29"
    assert (subject.addresses[0].town, subject.addresses[0].lot) == ("緑町2丁目", "3-4")
    assert {number.kind for number in subject.identifiers} == {"atena", "setai"}
    assert head.role is MentionRole.HEAD
    kinship = next(fact for fact in subject.facts if fact.kind is FactKind.KINSHIP)
    assert (kinship.code, kinship.other) == ("12", (MentionRole.HEAD, 0))
    assert "11111111111" not in repr(draft)


def test_the_as_of_is_in_the_name_and_known_files_stay_away(tmp_path: Path) -> None:
    probe = SourceProbe(tmp_path, "resident_ledger")
    probe.drop("URE_20261102.csv", preset_text("resident_ledger", [RESIDENT]).encode("cp932"))
    probe.drop("URE_20261101.csv", preset_text("resident_ledger", []).encode("cp932"))
    first, second = probe.deliveries()
    assert (first.as_of, second.as_of) == ("2026-11-01", "2026-11-02")
    assert [found.as_of for found in probe.deliveries(frozenset([first.content_hash]))] == ["2026-11-02"]
    assert sorted(path.name for path in probe.folder.iterdir()) == ["URE_20261101.csv", "URE_20261102.csv"]


def test_a_missing_drop_folder_is_a_source_that_does_not_answer(tmp_path: Path) -> None:
    probe = SourceProbe(tmp_path, "resident_ledger")
    probe.folder.rmdir()
    with pytest.raises(SourceUnavailable):
        probe.deliveries()


@pytest.mark.parametrize(
    ("header", "official"),
    [
        ("続柄コード", "続柄コード1"),
        ("氏名_振り仮名（フリガナ）", "氏名_フリガナ"),
        ("住所_地番号表記", "住所_番地号表記"),
    ],
)
def test_real_headers_differ(tmp_path: Path, header: str, official: str) -> None:
    probe = SourceProbe(tmp_path, "resident_ledger")
    text = preset_text("resident_ledger", [RESIDENT]).replace(f",{official},", f",{header},", 1)
    probe.drop("URE_20261101.csv", text.encode("cp932"))
    assert official in probe.only().header


def test_an_address_delivered_whole_in_the_town_column(tmp_path: Path) -> None:
    probe = SourceProbe(tmp_path, "resident_ledger")
    row = RESIDENT | {"住所_町字": "東京都結市緑町2丁目3番地4", "住所_番地号表記": ""}
    probe.drop("URE_20261101.csv", preset_text("resident_ledger", [row]).encode("cp932"))
    address = probe.only().drafts[0].mentions[0].addresses[0]
    assert (address.town, address.lot) == ("緑町2丁目", "3-4")
