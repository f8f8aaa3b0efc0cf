"""A delivery read in parts by other processes gives what it gives when it is read here."""

from pathlib import Path

import pytest

from connectors.sources import load_source, open_source
from connectors.testing import LEGAL, SourceProbe, ordered, preset_text, read_away
from musubi.city import make_city
from tests.contract.test_city_sources import PRESETS, transport


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("city")
    make_city(directory, people=1200, seed=23, noise=2)
    return directory


@pytest.mark.parametrize("source", sorted(PRESETS))
def test_the_parts_of_a_citys_deliveries_are_the_whole(city: Path, source: str) -> None:
    path = city / f"{source}.toml"
    top = f'id = "{source}"\npreset = "{PRESETS[source]}"\nagency = "desk"\nissuer = "132993"\n'
    path.write_text(f"{top}{transport(source)}{LEGAL}", "utf-8")
    for delivery in open_source(load_source(path), city).deliveries(frozenset()):
        whole = ordered(delivery.raw_batches(1_000_000))
        assert whole[0]
        for size in (3, 100, 5000):
            assert read_away(delivery, size) == whole


QUOTED = ['"改\r\n行"', '"x,y"', '"two\n\nlines"', '"never closed', "plain", '"q""q"', 'b"are', "x\rx", ""]


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig", "utf-16", "euc_jp"])
def test_quoted_line_breaks_do_not_depend_on_where_a_file_is_cut(tmp_path: Path, encoding: str, newline: str) -> None:
    probe = SourceProbe(
        tmp_path,
        top='programme = "elderly"\nidentity = ["no"]\n',
        extra=f'[format]\nencodings = ["{encoding}"]\n[[column]]\nname = "no"\n[[column]]\nname = "氏名"\n'
        '[[column]]\nname = "note"\n',
    )
    rows = [f"{n},高橋,{QUOTED[n * 7 % len(QUOTED)]}" for n in range(200)]
    text = "\n".join(["no,氏名,note", *rows, ""]).replace("\r\n", "\n").replace("\n", newline)
    probe.drop("X_20261101.csv", text.encode(encoding))
    (delivery,) = probe.deliveries()
    whole = ordered(delivery.raw_batches(1_000_000))
    assert whole[0]
    assert {fault.code for fault in whole[1]} >= {"broken-quote"}
    for size in (1, 2, 10, 64):
        assert read_away(delivery, size) == whole


@pytest.mark.parametrize(
    "broken", [("a", "b"), ("a", "b,c"), ("a,b,c,d", "e"), ("a,b,c,d", "e,f"), ("a",), ("a,b,c,d,e,f",)]
)
def test_rows_of_other_widths_never_make_up_for_each_other(tmp_path: Path, broken: tuple[str, ...]) -> None:
    probe = SourceProbe(
        tmp_path,
        top='programme = "elderly"\nidentity = ["no"]\n',
        extra='[[column]]\nname = "no"\n[[column]]\nname = "氏名"\n[[column]]\nname = "note"\n',
    )
    good = [f"{n},高橋,よい" for n in range(6)]
    probe.drop("X_20261101.csv", "\r\n".join(["no,氏名,note", *good[:3], *broken, *good[3:], ""]).encode("cp932"))
    (delivery,) = probe.deliveries()
    rows, faults = read_away(delivery, 1000)
    assert [",".join(cells) for _, cells in rows] == good
    assert [(fault.line, fault.code) for fault in faults] == [(5 + n, "cell-count") for n in range(len(broken))]


def test_an_individual_number_behind_a_telephone_number_is_cut_in_every_part(tmp_path: Path) -> None:
    probe = SourceProbe(tmp_path, "school_absence")
    names = probe.definition.column_names
    row = dict.fromkeys(names, "x") | {names[-1]: "電話090-1234-5678 123456789018"}
    probe.drop("K_20261101.csv", preset_text("school_absence", [row, dict.fromkeys(names, "y")]).encode("cp932"))
    (delivery,) = probe.deliveries()
    rows, _ = read_away(delivery, 1)
    assert rows[0][1][-1] == "電話090-1234-5678 ［番号削除］"
