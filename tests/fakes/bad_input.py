"""A watch list (見守り名簿) and every way in which its delivery can be bad: name, how it is made, what must happen.

Each case starts from the same three good rows; what is not said is as it should be. ``counts`` are delivered,
accepted, quarantined and held rows of the bad run; ``says`` is what the message for the operator must hold.
"""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from openpyxl import Workbook

from schemas.values.identifiers import individual_number_ok
from tests.fakes.small_town import LEGAL

End = Literal["guard", "quarantine", "waiting", "unavailable", "taken"]
Files = dict[str, bytes]
Row = tuple[str, ...]

HEADER = ("番号", "氏名", "カナ", "生年月日", "電話", "区分", "開始日", "様子")
HANAKO = ("K-7301", "結城　花子", "ユウキ　ハナコ", "1940-02-03", "042-555-0101", "見守り", "2026-04-01", "庭で会う")
TARO = ("K-7302", "森下　太郎", "モリシタ　タロウ", "1938-11-30", "042-555-0102", "配食", "2026-05-01", "耳が遠い")
KYOKO = ("K-7303", "水野　京子", "ミズノ　キョウコ", "1951-07-08", "042-555-0103", "見守り", "2026-06-01", "犬がいる")
ROWS = (HANAKO, TARO, KYOKO)
NUMBER = "123456789018"
"""An individual number of nobody that passes the check."""
DAY1, DAY2 = "MIMAMORI_20261101", "MIMAMORI_20261102"
_OPEN = ("見守り", "配食")
SECRETS = (*(cell for row in ROWS for cell in row if cell not in _OPEN), NUMBER, "巡回訪問", "いつか")
"""No message may hold any of these."""


def definition(
    source_id: str, *, form: str = "", transport: str = "", top: str = "", codes: str = "", tables: str = ""
) -> str:
    """Write the source file of the watch list."""
    columns = "\n".join(f"  {line}," for line in COLUMNS)
    return f"""
id = "{source_id}"
agency = "chiiki"
programme = "community"
identity = ["番号"]
{top}
column = [
{columns}
]
[transport]
{transport or FOLDER.format(source_id)}
[format]
{form}
{LEGAL}
[[fact]]
kind = "enrolment"
category = "participation"
code = {{ column = "区分", codes = "kubun" }}
start = "開始日"
[codes.kubun]
"見守り" = "watch"
"配食" = "meals"
{codes}
{tables}
"""


FOLDER = 'kind = "files"\npath = "drop/{}"'
COLUMNS = (
    '{ name = "番号", required = true }',
    '{ name = "氏名", to = "subject.name", required = true }',
    '{ name = "カナ", to = "subject.name.legal.kana" }',
    '{ name = "生年月日", to = "subject.birth" }',
    '{ name = "電話", to = "subject.phone" }',
    '{ name = "区分" }',
    '{ name = "開始日" }',
    '{ name = "様子", to = "subject.note" }',
)


@dataclass(frozen=True)
class Case:
    """One kind of bad input and its expected end."""

    id: str
    end: End
    files: Files
    code: str = ""
    """Code of the guard, of the refused row, or of a warning."""
    counts: tuple[int, int, int, int] = (3, 2, 1, 0)
    says: str = ""
    mended: Files | None = None
    """What the source delivers once it is mended."""
    source: dict[str, str] = field(default_factory=dict)
    mended_source: dict[str, str] | None = None
    """The source file, mended; refused rows are tried again."""
    stands: int = 3
    """Records after mending."""
    waits: int = 0
    """Refused rows that wait on: only a snapshot says that what it does not repeat is void."""


def table(rows: Iterable[Sequence[str]] = ROWS, header: Sequence[str] = HEADER, end: str = "\r\n") -> str:
    """Write rows as comma-separated text."""
    return "".join(",".join(row) + end for row in (header, *rows))


def day(text: str, name: str = DAY1, encoding: str = "utf-8") -> Files:
    """Make one CSV delivery of a day."""
    return {f"{name}.csv": text.encode(encoding)}


def changed(row: Row, column: str, cell: str) -> Row:
    """Put another cell into a row."""
    at = HEADER.index(column)
    return (*row[:at], cell, *row[at + 1 :])


def with_cell(column: str, cell: str) -> Files:
    """Make a delivery whose second row holds one other cell."""
    return day(table((HANAKO, changed(TARO, column, cell), KYOKO)))


def renamed(old: str, new: str) -> tuple[str, ...]:
    """Give the header with one name changed."""
    return tuple(new if name == old else name for name in HEADER)


def numbers(count: int) -> list[str]:
    """Make individual numbers of nobody."""
    found = (f"{start}{check}" for start in range(20_000_000_000, 20_000_001_000) for check in range(10))
    return [number for number in found if individual_number_ok(number)][:count]


def many(count: int) -> list[Row]:
    """Make rows of many people."""
    return [changed(HANAKO, "番号", str(1000 + number)) for number in range(count)]


def sheet(
    rows: Iterable[Sequence[object]] = ROWS, title: Sequence[str] = (), name: str = "名簿", hide: int = 0
) -> bytes:
    """Make a workbook; ``title`` are merged rows above the header, ``hide`` is a row to hide."""
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = name
    for number, text in enumerate(title, 1):
        page.append([text])
        page.merge_cells(start_row=number, start_column=1, end_row=number, end_column=len(HEADER))
    for row in (HEADER, *rows):
        page.append(list(row))
    if hide:
        page.row_dimensions[hide].hidden = True
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def frame(said: int, end: int | None, kind: str = "2") -> Files:
    """Make a 国保連 file: control record, data records, end record."""
    control = f"1,1,0,{said},,,,,,202611\r\n"
    data = "".join(f"{kind if at == 1 else 2},{at + 2},{','.join(row)}\r\n" for at, row in enumerate(ROWS))
    return day(control + data + (f"3,{end}\r\n" if end is not None else ""))


def records(rows: Iterable[Row] = ROWS) -> list[dict[str, str]]:
    """Make JSON records."""
    return [dict(zip(HEADER, row, strict=True)) for row in rows]


def lines(rows: Iterable[Row] = ROWS) -> str:
    """Make newline-delimited JSON."""
    return "".join(json.dumps(record) + "\n" for record in records(rows))


GOOD = day(table())
NEXT = day(table(), DAY2)
HELD = (3, 0, 0, 3)
WHOLE = (3, 3, 0, 0)
XLSX, JSON, NDJSON = {"form": 'kind = "xlsx"'}, {"form": 'kind = "json"'}, {"form": 'kind = "ndjson"'}
KOKUHO = {"form": 'kind = "kokuho"\nheader = false'}
ONE_ENCODING = {"form": 'encodings = ["cp932"]'}
XLSX_NEXT = {f"{DAY2}.xlsx": sheet()}
EVENTS = {"top": 'mode = "events"', "tables": '[record]\nevent_date = "開始日"\nevent_key = ["番号", "区分"]'}

BYTES = (
    Case(
        "two_encodings_in_one_file",
        "guard",
        {f"{DAY1}.csv": table((HANAKO,)).encode("cp932") + table((TARO,)).encode("utf-8")},
        "encoding",
        (0, 0, 0, 0),
        "export it again",
        GOOD,
    ),
    Case("utf16", "guard", day(table(), encoding="utf-16"), "encoding", (0, 0, 0, 0), "export it again", GOOD),
    Case("euc_jp", "guard", day(table(), encoding="euc_jp"), "encoding", (0, 0, 0, 0), "export it again", GOOD),
    Case(
        "a_byte_of_no_character",
        "quarantine",
        {f"{DAY1}.csv": table().encode("cp932").replace("太".encode("cp932"), b"\x81\xff")},
        "undecodable",
        source=ONE_ENCODING,
        mended=day(table(), DAY2, "cp932"),
    ),
    Case("cut_off", "guard", {f"{DAY1}.csv": table().encode()[:-40]}, "truncated", HELD, "deliver it again", GOOD),
    Case("nul", "quarantine", with_cell("様子", "耳が\0遠い"), "nul", mended=NEXT),
    Case("empty", "guard", {f"{DAY1}.csv": b""}, "empty-file", (0, 0, 0, 0), "still being written", GOOD),
    Case("half_written", "waiting", {f"{DAY1}.csv.part": GOOD[f"{DAY1}.csv"]}, "", (0, 0, 0, 0), ".part", GOOD),
    Case(
        "still_growing",
        "waiting",
        GOOD,
        "",
        (0, 0, 0, 0),
        DAY1,
        GOOD,
        {"transport": FOLDER.format("still_growing") + "\nquiet_seconds = 86400"},
        {},
    ),
    Case("unmapped_gaiji", "taken", with_cell("氏名", "森\ue000　太郎"), "gaiji-unmapped", WHOLE, mended=NEXT),
    Case(
        "mapped_gaiji",
        "taken",
        with_cell("氏名", "森\ue000　太郎"),
        "",
        WHOLE,
        source={"tables": '[format.gaiji]\nE000 = "下"'},
    ),
)
COLUMNS_WRONG = (
    Case(
        "renamed_column",
        "guard",
        day(table(header=renamed("電話", "連絡先番号"))),
        "changed-columns",
        HELD,
        "[rename]",
        mended_source={"tables": '[rename]\n"連絡先番号" = "電話"'},
    ),
    Case(
        "doubled_column",
        "guard",
        day(table(header=renamed("カナ", "氏名"))),
        "duplicate-columns",
        HELD,
        "rename the other",
        GOOD,
    ),
    Case(
        "no_key_column",
        "guard",
        day(table(header=renamed("番号", "名簿番号"))),
        "missing-columns",
        HELD,
        "[rename]",
        mended_source={"tables": '[rename]\n"名簿番号" = "番号"'},
    ),
    Case("no_optional_column", "taken", day(table((row[:7] for row in ROWS), HEADER[:7])), "", WHOLE),
    Case("another_order", "taken", day(table((row[::-1] for row in ROWS), HEADER[::-1])), "", WHOLE),
    Case(
        "a_new_column",
        "taken",
        day(table(((*row, "1") for row in ROWS), (*HEADER, "新項目"))),
        "unknown-column",
        WHOLE,
    ),
    Case("too_few_cells", "quarantine", day(table((HANAKO, TARO[:5], KYOKO))), "cell-count", mended=NEXT),
    Case("too_many_cells", "quarantine", day(table((HANAKO, (*TARO, "余り"), KYOKO))), "cell-count", mended=NEXT),
    Case("broken_quote", "quarantine", with_cell("様子", '"耳が遠い'), "broken-quote", mended=NEXT),
    Case("informant", "taken", day(table(header=renamed("様子", "通告者"))), "informant-column-dropped", WHOLE),
)
SHEETS = (
    Case("formula", "quarantine", with_cell("様子", "=SUM(A1:A9)"), "formula", mended=NEXT),
    Case("excel_error", "quarantine", with_cell("生年月日", "#REF!"), "excel-error", mended=NEXT),
    Case(
        "sheet_formula",
        "quarantine",
        {f"{DAY1}.xlsx": sheet((HANAKO, changed(TARO, "電話", '="042"&"555"'), KYOKO))},
        "formula",
        source=XLSX,
        mended=XLSX_NEXT,
    ),
    Case(
        "serial_date",
        "taken",
        {f"{DAY1}.xlsx": sheet((HANAKO, (*TARO[:3], 14214, *TARO[4:]), KYOKO))},
        "excel-serial-date",
        WHOLE,
        source=XLSX,
    ),
    Case("hidden_row", "taken", {f"{DAY1}.xlsx": sheet(hide=3)}, "", WHOLE, source=XLSX),
    Case(
        "title_rows",
        "taken",
        {f"{DAY1}.xlsx": sheet(title=("令和8年度　見守り名簿", "（秘）"))},
        "",
        WHOLE,
        source=XLSX,
    ),
    Case(
        "cut_workbook",
        "guard",
        {f"{DAY1}.xlsx": sheet()[:-700]},
        "truncated",
        (0, 0, 0, 0),
        "save it again",
        {f"{DAY1}.xlsx": sheet()},
        XLSX,
    ),
    Case(
        "no_such_sheet",
        "guard",
        {f"{DAY1}.xlsx": sheet()},
        "missing-sheet",
        (0, 0, 0, 0),
        "[format] sheet",
        source={"form": 'kind = "xlsx"\nsheet = "見守り"'},
        mended_source={"form": 'kind = "xlsx"\nsheet = "名簿"'},
    ),
)
FRAMES = (
    Case("frame_count", "guard", frame(2, 5), "frame-count", HELD, "declares other counts", frame(3, 5), KOKUHO),
    Case("no_end_record", "guard", frame(3, None), "truncated", HELD, "sent again", frame(3, 5), KOKUHO),
    Case(
        "strange_record",
        "quarantine",
        frame(2, 4, kind="7"),
        "record-type",
        source=KOKUHO,
        mended={f"{DAY2}.csv": frame(3, 5)[f"{DAY1}.csv"]},
    ),
    Case(
        "broken_json",
        "guard",
        {f"{DAY1}.json": json.dumps(records()).encode()[:-9]},
        "truncated",
        (0, 0, 0, 0),
        "deliver it again",
        {f"{DAY1}.json": json.dumps(records()).encode()},
        JSON,
    ),
    Case(
        "list_elsewhere",
        "guard",
        {f"{DAY1}.json": json.dumps({"data": {"list": records()}}).encode()},
        "missing-list",
        (0, 0, 0, 0),
        "[format] rows",
        source=JSON,
        mended_source={"form": 'kind = "json"\nrows = "data.list"'},
    ),
    Case(
        "cut_ndjson",
        "quarantine",
        {f"{DAY1}.ndjson": lines().encode()[:-20]},
        "not-an-object",
        source=NDJSON,
        mended={f"{DAY2}.ndjson": lines().encode()},
    ),
)
CELLS = (
    Case("impossible_date", "quarantine", with_cell("生年月日", "いつか"), "bad-date", mended=NEXT),
    Case("unknown_date", "taken", with_cell("生年月日", "昭和13年月日不詳"), "", WHOLE),
    Case("no_such_day", "taken", with_cell("生年月日", "1938-02-30"), "", WHOLE),
    Case(
        "unknown_code",
        "quarantine",
        with_cell("区分", "巡回訪問"),
        "unknown-code",
        mended_source={"codes": '"巡回訪問" = "patrol"'},
    ),
    Case("no_key", "quarantine", with_cell("番号", ""), "identity-missing", mended=NEXT),
    Case(
        "no_name",
        "quarantine",
        day(table((HANAKO, changed(changed(TARO, "氏名", ""), "カナ", ""), KYOKO))),
        "name-missing",
        mended=NEXT,
    ),
    Case("one_key_twice", "quarantine", with_cell("番号", "K-7301"), "duplicate-key", mended=NEXT),
    Case("no_event_date", "quarantine", with_cell("開始日", ""), "event-date", source=EVENTS, mended=NEXT, waits=1),
)
PLACE = (
    Case(
        "no_date",
        "guard",
        {"名簿_11月.csv": table().encode()},
        "no-as-of",
        HELD,
        "YYYYMMDD",
        GOOD,
    ),
    Case(
        "same_day_twice",
        "guard",
        {f"{DAY1}_a.csv": table().encode(), f"{DAY1}_b.csv": table(ROWS[:2]).encode()},
        "equal-as-of",
        (5, 3, 0, 2),
        "remove the wrong one",
        {f"{DAY1}_a.csv": table().encode(), f"{DAY2}.csv": table(ROWS[:2]).encode()},
        stands=2,
    ),
    Case(
        "most_are_gone",
        "guard",
        {f"{DAY1}.csv": table(many(30)).encode(), f"{DAY2}.csv": table().encode()},
        "mass-disappearance",
        (33, 30, 0, 3),
        "--accept-removals",
        {f"{DAY2}.csv": table([*many(30), *ROWS]).encode()},
        stands=33,
    ),
    Case("no_folder", "unavailable", {}, "", (0, 0, 0, 0), "drop/no_folder", GOOD),
)
NUMBERS = (
    Case(
        "number_column_by_name",
        "taken",
        day(table(((*row, NUMBER) for row in ROWS), (*HEADER, "個人番号"))),
        "individual-number-column-dropped",
        WHOLE,
    ),
    Case(
        "number_column_by_value",
        "guard",
        day(table(changed(row, "電話", n) for row, n in zip(many(25), numbers(25), strict=True))),
        "individual-numbers",
        (25, 0, 0, 25),
        "have the source leave the column out",
        day(table(many(25))),
        stands=25,
    ),
    Case("number_in_a_cell", "taken", with_cell("電話", NUMBER), "individual-number-cut", WHOLE),
    Case("number_in_a_note", "taken", with_cell("様子", f"番号は{NUMBER}とのこと"), "individual-number-cut", WHOLE),
    Case(
        "number_in_full_width", "taken", with_cell("様子", "１２３４５６７８９０１８"), "individual-number-cut", WHOLE
    ),
    Case("number_hyphened", "taken", with_cell("様子", "1234-5678-9018"), "individual-number-cut", WHOLE),
    Case("number_as_key", "quarantine", with_cell("番号", NUMBER), "identity-cut", mended=NEXT),
)
CASES = (*BYTES, *COLUMNS_WRONG, *SHEETS, *FRAMES, *CELLS, *PLACE, *NUMBERS)
