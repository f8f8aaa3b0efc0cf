"""Value types: every notation the field writes survives, and none is invented."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values.addresses import parse_address
from schemas.values.dates import format_era, parse_date
from schemas.values.identifiers import (
    CUT,
    cut_individual_numbers,
    individual_number_ok,
    insurer_number_ok,
    municipality_code_ok,
)
from schemas.values.names import split_name
from schemas.values.phones import normalise_phone


@pytest.mark.parametrize(
    ("text", "value", "quality"),
    [
        ("令和元年12月26日", "2019-12-26", "day"),
        ("R1.12.26", "2019-12-26", "day"),
        ("S64.1.8", "1989-01-08", "era-overflow"),
        ("平成31年5月1日", "2019-05-01", "era-overflow"),
        ("大正15年12月25日", "1926-12-25", "day"),
        ("明治45年7月30日", "1912-07-30", "day"),
        ("昭和30年2月29日", "1955-02", "noncalendar"),
        ("昭和20年00月00日", "1945", "year"),
        ("3050307", "1930-03-07", "day"),
        ("３０５０３０７", "1930-03-07", "day"),
        ("㋿元年5月1日", "2019-05-01", "day"),
        ("1985/3/7", "1985-03-07", "day"),
        ("19850307", "1985-03-07", "day"),
        ("19850300", "1985-03", "month"),
        ("不詳", "", "unknown"),
        ("", "", "unknown"),
        ("00000000", "", "unknown"),
        ("昭和10年頃", "1935", "approx"),
        ("昭和10年月日不詳", "1935", "year"),
        ("昭和10年3月日不詳", "1935-03", "month"),
        ("昭和10年3月1日から昭和10年4月1日頃までの間", "1935-03", "range"),
        ("1985-03-07T00:00:00", "1985-03-07", "day"),
        ("1985-03-07 00:00:00", "1985-03-07", "day"),
        ("令和8年11月2日(月)", "2026-11-02", "day"),
        ("198503", "1985-03", "month"),
        ("平成不明", "", "unknown"),
    ],
)
def test_dates_in_every_notation(text: str, value: str, quality: str) -> None:
    read = parse_date(text)
    assert (read.value, read.quality, read.original) == (value, quality, text)


@pytest.mark.parametrize("text", ["山田太郎", "12", "abc", "99999", "850307"])
def test_what_is_no_date_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a") as caught:
        parse_date(text)
    assert text not in str(caught.value)


@given(st.dates(min_value=date(1868, 1, 25), max_value=date(2099, 12, 31)))
def test_an_era_date_reads_back(day: date) -> None:
    plain = parse_date(day.isoformat())
    assert plain.value == day.isoformat()
    assert parse_date(format_era(plain)).value == plain.value


@given(st.text(max_size=20))
def test_any_text_is_a_date_or_a_value_error(text: str) -> None:
    try:
        read = parse_date(text)
    except ValueError:
        return
    assert read.original == text
    assert len(read.value) in {0, 4, 7, 10}


@pytest.mark.parametrize(
    "text",
    ["東京都結市緑町三丁目12番5号 コーポ結101", "結市緑町3-12-5コーポ結101", "緑町３丁目１２－５ コーポ結１０１"],
)
def test_one_dwelling_written_three_ways(text: str) -> None:
    read = parse_address(text)
    assert (read.town, read.lot, read.building, read.text) == ("緑町3丁目", "12-5", "コーポ結101", text)


@pytest.mark.parametrize(
    "text",
    ["四日市市緑町1-2", "千葉県市川市緑町1-2", "町田市緑町1-2", "余市郡余市町緑町1-2", "群馬県佐波郡玉村町緑町1-2"],
)
def test_municipalities_with_another_unit_in_their_name(text: str) -> None:
    read = parse_address(text)
    assert (read.town, read.lot) == ("緑町", "1-2")


def test_a_postcode_before_an_address_is_no_lot() -> None:
    read = parse_address("〒１２３－４５６７　東京都結市緑町3-12-5")
    assert (read.postcode, read.town, read.lot) == ("1234567", "緑町3丁目", "12-5")


def test_an_address_in_columns() -> None:
    read = parse_address("", town="緑町三丁目", lot="１２番５号", building="コーポ")
    assert (read.town, read.lot, read.building) == ("緑町3丁目", "12-5", "コーポ")
    assert parse_address("", town="緑町", lot="3-12-5").town == "緑町3丁目"


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=10))
def test_no_address_is_lost(text: str, town: str, lot: str) -> None:
    assert parse_address(text, town=town, lot=lot).text.startswith(text)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("０３－１２３４－５６７８", "0312345678"),
        ("090(1234)5678", "09012345678"),
        ("03-1234-5678(内線123)", "0312345678"),
        ("+81 90-1234-5678", "09012345678"),
        ("1234-5678", ""),
        ("なし", ""),
    ],
)
def test_phones(text: str, digits: str) -> None:
    assert normalise_phone(text) == digits


def _individual_number(eleven: str) -> str:
    return next(eleven + str(n) for n in range(10) if individual_number_ok(eleven + str(n)))


@given(st.text(alphabet="0123456789", min_size=11, max_size=11), st.sampled_from(["", "-", " ", "－"]))
def test_an_individual_number_is_cut_however_it_is_spaced(eleven: str, joint: str) -> None:
    number = _individual_number(eleven)
    text = f"番号 {joint.join((number[:4], number[4:8], number[8:]))} です"
    assert cut_individual_numbers(text) == (f"番号 {CUT} です", 1)


@pytest.mark.parametrize("before", ["03-1234-5678 ", "090-1111-2222 ", "2026-11-01 ", "2026 1101 ", "1234 "])
@given(
    st.text(alphabet="0123456789", min_size=11, max_size=11),
    st.sampled_from(["", "-", " ", " - ", "　－　", "ｰ", ".", "\t"]),
)
def test_digits_before_an_individual_number_do_not_hide_it(before: str, eleven: str, joint: str) -> None:
    number = _individual_number(eleven)
    written = joint.join((number[:4], number[4:8], number[8:]))
    cut, places = cut_individual_numbers(before + written)
    assert places == 1
    assert cut.endswith(CUT)


@pytest.mark.parametrize("text", ["03-1234-5678 03-1234-5678", "2026.11.01 1030", "000000000012345", "1-2-305"])
def test_other_numbers_stay(text: str) -> None:
    assert cut_individual_numbers(text) == (text, 0)


@pytest.mark.parametrize("check", [municipality_code_ok, insurer_number_ok])
@given(text=st.text(max_size=8))
def test_any_text_is_checked_without_an_error(check, text: str) -> None:
    assert check(text) in {True, False}


@given(st.text(alphabet="0123456789", min_size=12, max_size=12), st.integers(0, 11))
def test_the_check_digit_finds_most_slips(digits: str, place: int) -> None:
    number = _individual_number(digits[:11])
    slipped = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    if place < 11 and individual_number_ok(slipped):
        assert number[11] == slipped[11] == "0"  # remainders 0 and 1 share the check digit 0
    elif place == 11:
        assert not individual_number_ok(slipped)


def test_published_codes_pass() -> None:
    assert municipality_code_ok("131016")
    assert not municipality_code_ok("131017")
    assert all(insurer_number_ok(number) for number in ("131011", "138057", "271007"))


def test_a_name_is_split_at_a_delivered_separator_only() -> None:
    assert split_name("山田　太郎").family == "山田"
    assert split_name("東海林太郎").family == ""
