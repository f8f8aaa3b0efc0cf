"""Workbooks as many programs write them: the same sheet in other XML gives the same rows."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from connectors.deliveries import RawFault
from connectors.testing import Outcome, SourceProbe
from connectors.transports import sheet_xml

EXTRA = """
[format]
kind = "xlsx"
[[column]]
name = "番号"
required = true
[[column]]
name = "氏名"
to = "subject.name"
[[column]]
name = "日付"
[[column]]
name = "数"
"""
TOP = 'identity = ["番号"]\nprogramme = "elderly"'
SHEET, STRINGS = "xl/worksheets/sheet2.xml", "xl/sharedStrings.xml"
HEADER = ("番号", "氏名", "日付", "数")
TYPED = (
    (1, "山田　花子", date(2026, 11, 1), 2.5),
    (2.0, " a & b <c> ", datetime.fromisoformat("2026-11-01T09:30"), True),
    (3, "二行\nの名", time(9, 30), 1e20),
    (4, "カッコ ]]> と _x005F_ 印", timedelta(hours=30), None),
    (None, None, None, None),
    (5, "𠮷田", "令和8年11月1日", 0),
)
READ = [
    (3, ("1", "山田　花子", "2026-11-01", "2.5")),
    (4, ("2", "a & b <c>", "2026-11-01 09:30:00", "1")),
    (5, ("3", "二行\nの名", "09:30:00", "100000000000000000000")),
    (6, ("4", "カッコ ]]> と _x005F_ 印", "1 day, 6:00:00", "")),
    (8, ("5", "𠮷田", "令和8年11月1日", "0")),
]
"""Lines of the sheet: a title and the header stand above, an empty row among them."""
Change = Callable[[str], str]
WAYS: dict[str, Change] = {
    "plain": lambda xml: xml,
    "indented": lambda xml: re.sub("(<row |</row>|<c |</c>|<v|<is>|</is>)", r"\n  \1", xml),
    "prefixed": lambda xml: re.sub(r"<(/?)([a-zA-Z])", r"<\1x:\2", xml).replace("xmlns=", "xmlns:x="),
    "without references": lambda xml: re.sub(r'(<row|<c) r="\w+"', r"\1", re.sub(r"<row[^>]*></row>", "<row/>", xml)),
    "with more attributes": lambda xml: re.sub(r'(<row r="\d+")', r'\1 spans="1:4" ht="13.5"', xml),
    "with a comment": lambda xml: xml.replace("</row>", "</row><!--<row r='9'></row>-->", 4),
    "with styled cells": lambda xml: xml.replace("</row>", '<c r="F1" s="2"/><c r="G1" s="2"></c></row>'),
    "in runs with readings": lambda xml: re.sub(
        "<is>(<t[^>]*>)([^<]*)</t></is>",
        r'<is><r>\1\2</t></r><r><t/></r><rPh sb="0" eb="1"><t>ヨミ</t></rPh><phoneticPr fontId="1"/></is>',
        xml,
    ),
    "in sections": lambda xml: re.sub("<v>([^<]*)</v>", r"<v><![CDATA[\1]]></v>", xml),
}


def book(*, shared: bool) -> bytes:
    made = Workbook(write_only=True)
    made.create_sheet("表紙").append(["関係のない紙"])
    page = made.create_sheet("名簿")
    page.sheet_state = "hidden"
    for row in (("見守り名簿",), HEADER, *TYPED):
        page.append(row)
    out = io.BytesIO()
    made.save(out)
    return with_shared_strings(out.getvalue()) if shared else out.getvalue()


def with_shared_strings(whole: bytes) -> bytes:
    """Put the strings of the second sheet where Excel puts them."""
    strings: list[str] = []

    def share(match: re.Match[str]) -> str:
        strings.append(match[1])
        return f't="s"><v>{len(strings) - 1}</v></c>'

    whole = changed(whole, SHEET, lambda xml: re.sub('t="inlineStr"><is>(.*?)</is></c>', share, xml, flags=re.DOTALL))
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    declared = f'<Override PartName="/{STRINGS}" ContentType="{kind}"/></Types>'
    out = io.BytesIO(changed(whole, "[Content_Types].xml", lambda xml: xml.replace("</Types>", declared)))
    with zipfile.ZipFile(out, "a") as archive:
        items = "".join(f"<si>{string}</si>" for string in strings)
        archive.writestr(
            STRINGS, f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{items}</sst>'
        )
    return out.getvalue()


def changed(whole: bytes, part: str, change: Change) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content.decode()).encode() if name == part else content)
    return out.getvalue()


def outcome(root: Path, content: bytes) -> Outcome:
    probe = SourceProbe(root, extra=EXTRA, top=TOP)
    probe.drop("M_20261101.xlsx", content)
    return probe.only()


def rows(root: Path, content: bytes) -> list[tuple[int, tuple[str, ...]]]:
    probe = SourceProbe(root, extra=EXTRA, top=TOP)
    probe.drop("M_20261101.xlsx", content)
    (delivery,) = probe.deliveries()
    return [row for batch in delivery.raw_batches(3) for row in batch.rows]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("block", [64, 700, sheet_xml.BLOCK])
def test_a_sheet_reads_the_same_however_it_is_written(
    tmp_path: Path, way: str, shared: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_xml, "BLOCK", block)
    content = changed(book(shared=shared), SHEET, WAYS[way])
    assert outcome(tmp_path, content).codes == []
    expected = [
        (line, tuple(cell.replace("x005F_", "") if shared else cell for cell in cells)) for line, cells in READ
    ]
    assert rows(tmp_path, content) == expected


def test_shared_strings_are_read_without_their_readings(tmp_path: Path) -> None:
    reading = '</t><rPh sb="0" eb="2"><t>ヤマダ</t></rPh><phoneticPr fontId="1"/></si>'
    content = changed(book(shared=True), STRINGS, lambda xml: xml.replace("</t></si>", reading))
    assert rows(tmp_path, content)[0] == READ[0]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('<c r="D3"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="D3" t="str"><f>A3&amp;"x"</f><v>1x</v></c>', "1x"),
        ('<c r="D3"><f>1+1</f></c>', "formula"),
        ('<c r="D3" t="str"><f>A3</f><v></v></c>', "formula"),
        ('<c r="D3" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "excel-error"),
        ('<c r="D3" t="e"><v>#N/A</v></c>', "excel-error"),
        ('<c r="D3" s="1"><v>99999999999</v></c>', "excel-error"),
    ],
)
def test_a_formula_counts_by_what_it_showed(tmp_path: Path, cell: str, shown: str) -> None:
    content = changed(book(shared=False), SHEET, lambda xml: re.sub('<c r="D3".*?</c>', cell, xml))
    found = outcome(tmp_path, content)
    first = (3, ("1", "山田　花子", "2026-11-01", shown))
    if found.faults:
        assert [(fault.line, fault.code) for fault in found.faults] == [(3, shown)]
        assert rows(tmp_path, content) == READ[1:]
    else:
        assert rows(tmp_path, content) == [first, *READ[1:]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda xml: xml[: len(xml) // 2],
        lambda xml: xml.replace("山田", "山\x01田"),
        lambda xml: xml.replace("</row>", "</rows>", 1),
        lambda xml: xml.replace("</worksheet>", ""),
        lambda xml: re.sub(r'(<c r="A3"[^>]*><v>)1', r"\1one", xml),
    ],
    ids=["half", "control letter", "other end", "no end", "no number"],
)
def test_a_spoilt_sheet_holds_the_delivery(tmp_path: Path, spoil: Change) -> None:
    found = outcome(tmp_path, changed(book(shared=False), SHEET, spoil))
    assert (found.inspection.held, found.rows, found.inspection.rows) == ("truncated", 0, 0)


def test_faulted_cells_reach_as_far_as_the_header(tmp_path: Path) -> None:
    longer = '<c r="D3" t="e"><v>#REF!</v></c><c r="F3" t="inlineStr"><is><t>欄外</t></is></c>'
    content = changed(book(shared=False), SHEET, lambda xml: re.sub('<c r="D3".*?</c>', longer, xml))
    fault = RawFault(3, "excel-error", ("1", "山田　花子", "2026-11-01", "#REF!"))
    assert outcome(tmp_path, content).faults == [fault]
