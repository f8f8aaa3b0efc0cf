"""Cities for benchmarks: their systems, a workspace on them, and nights in which some of their rows change.

A night changes rows of every daily source in place and delivers them with the next day's as-of in the source's own
format: whole, as snapshots, or the changed rows only, where the workspace takes deltas. Half of the changed rows
move house, half change coded facts; the values are those of other changed rows, so every one is as the system would
write it. The monthly change notices of the care insurance deliver nothing in such a night.
"""

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from musubi.city.disability import write_disability
from musubi.city.fhir import Bundle, write_child_support
from musubi.city.making import AS_OF, MONTH, WRITERS, imagine, write_systems
from musubi.city.sheets import Sheet, selected
from musubi.demonstration import settle

RECORDS_PER_RESIDENT = 2.61
FIRST_DAY = date.fromisoformat(f"{AS_OF[:4]}-{AS_OF[4:6]}-{AS_OF[6:]}")
WHOLE = frozenset({"protection", "resources"})
"""Small registers that come whole and unchanged every night; addresses wait for the first of them."""
HOUSE = ("郵便番号", "住所", "方書", "電話番号")
CHANGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ledger": (
        (
            "住所_町字コード",
            "住所_町字",
            "住所_番地号表記",
            "住所_番地枝番数値",
            "住所_方書",
            "住所_郵便番号",
            "住所を定めた年月日",
        ),
        ("住民となった年月日",),
    ),
    "care_ledger": (
        HOUSE,
        (
            "電話番号",
            "要介護認定状況コード",
            "要介護状態区分コード",
            "要介護認定日",
            "要介護認定有効期間開始日",
            "要介護認定有効期間終了日",
        ),
    ),
    "houkatsu": (("住所", "電話番号"), ("主訴区分", "緊急度", "要介護度", "次回予定日", "電話番号")),
    "child_allowance": (HOUSE, ("支給区分", "認定年月日")),
    "hospital": (("患者住所", "患者電話番号"), ("入院日", "退院日", "退院予定日", "主訴区分")),
    "school": (("住所", "保護者電話番号"), ("欠席開始日", "欠席日数")),
    "jiritsu": (("住所", "電話"), ("電話", "相談_住まい", "相談_収入・生活費", "次回面談予定日")),
    "seiho": (HOUSE, ("世帯類型", "生活保護開始年月日")),
    "desk_intake": (("本人住所", "本人電話番号"), ("相談区分", "緊急度", "次回予定日")),
    "desk_assessment": (("対象者住所",), ("課題区分", "希望区分")),
    "desk_plan": (("対象者住所",), ("支援区分", "状況", "開始日", "終了日")),
    "desk_meeting": (("対象者住所",), ("開催日", "次回開催日")),
    "disability_techo": (HOUSE, ("初回交付日", "再認定年月日")),
    "disability_jukyusha": (HOUSE, ("障害支援区分", "支給期間開始日", "支給期間終了日")),
    "disability_soudan": (("住所", "電話番号"), ("主訴コード", "次回予定日", "電話番号")),
}
"""Source → columns of a move, columns of coded facts."""
STAMPED = {
    "disability_techo": ("techo", "更新日時"),
    "disability_jukyusha": ("jukyusha", "更新日時"),
}
"""Tables that tell when a row changed last, by which a cursor can read on."""


class Town:
    """A city at its systems, with a workspace that takes snapshots or deltas."""

    def __init__(self, directory: Path, records: int, seed: int, *, deltas: bool) -> None:
        self.systems, self.deltas = directory / "systems", deltas
        self._city = imagine(round(records / RECORDS_PER_RESIDENT), seed, 1.0)
        self._rng = np.random.default_rng(seed)
        self._day = FIRST_DAY
        write_systems(self._city, self.systems, AS_OF, MONTH)
        self.workspace = settle(directory)
        if deltas:
            for path in (self.workspace / "sources").glob("*.toml"):
                path.write_text(_as_delta(path.stem, path.read_text("utf-8")), "utf-8")

    def night(self, share: float) -> None:
        """Let a share of the rows of each daily source change, and deliver."""
        self._day += timedelta(1)
        as_of, city = self._day.strftime("%Y%m%d"), self._city
        for source, write in WRITERS.items():
            sheet = city.sheets[source]
            if source in WHOLE:
                write(sheet, self.systems, as_of)
                continue
            rows = self._change(sheet, share)
            write(selected(sheet, _belong(sheet, rows)) if self.deltas else sheet, self.systems, as_of)
        for source in (*STAMPED, "disability_soudan"):
            self._stamp(city.sheets[source], self._change(city.sheets[source], share))
        write_disability(city.sheets, self.systems)
        with closing(sqlite3.connect(self.systems / "disability" / "shogai.db")) as base, base:
            base.execute("UPDATE kanri SET kijun_bi = ?", (self._day.isoformat(),))
        write_child_support(self._move_patients(city.bundle, share), self.systems, as_of)

    def _chosen(self, among: np.ndarray, share: float) -> np.ndarray:
        return np.sort(self._rng.permutation(among)[: round(len(among) * share)])

    def _change(self, sheet: Sheet, share: float) -> np.ndarray:
        among = np.arange(sheet.size)
        if sheet.source == "ledger":
            among = np.flatnonzero(sheet["最新フラグ"] == "1")
        rows = self._chosen(among, share)
        for columns, some in zip(CHANGES[sheet.source], (rows[::2], rows[1::2]), strict=True):
            for column in columns:
                if column in sheet.columns:
                    values = sheet[column].copy()
                    values[some] = np.roll(values[some], 1)
                    sheet[column] = values
        return rows

    def _stamp(self, sheet: Sheet, rows: np.ndarray) -> None:
        if sheet.source in STAMPED:
            stamps = sheet["更新日時"].copy()
            stamps[rows] = f"{self._day} 01:00:00"
            sheet["更新日時"] = stamps
        else:
            turns = sheet["更新連番"].copy()
            last = max(int(turn) for turn in turns)
            turns[rows] = [str(last + 101 + place) for place in range(len(rows))]  # the planted row comes after them
            sheet["更新連番"] = turns

    def _move_patients(self, bundle: Bundle, share: float) -> Bundle:
        rows = self._chosen(np.arange(bundle.size), share).tolist()
        homes = [bundle.patients[row].get("address") for row in rows]
        for row, home in zip(rows, homes[1:] + homes[:1], strict=True):
            bundle.patients[row] |= {"address": home} if home else {}
        if not self.deltas:
            return bundle
        patients = [bundle.patients[row] for row in rows]
        ids = {f"Patient/{patient['id']}" for patient in patients}
        related = [one for one in bundle.related if one["patient"]["reference"] in ids]
        encounters = [one for one in bundle.encounters if one["subject"]["reference"] in ids]
        return Bundle(bundle.source, patients, related, encounters, [], ())


def _belong(sheet: Sheet, rows: np.ndarray) -> np.ndarray:
    """Tell which rows a delta holds: of the register all of a changed person, else the changed ones."""
    if sheet.source == "ledger":
        return np.isin(sheet["宛名番号"].astype(str), sheet["宛名番号"][rows].astype(str))
    keep = np.zeros(sheet.size, dtype=bool)
    keep[rows] = True
    return keep


def _as_delta(source: str, text: str) -> str:
    """Let a source file take changes only."""
    if (source in CHANGES and source not in {*STAMPED, "disability_soudan"}) or source == "child_support":
        return f'mode = "delta"\n{text}'
    if source in STAMPED:
        table, column = STAMPED[source]
        query = f"SELECT * FROM {table} WHERE {column} > :cursor ORDER BY {column}"
        return text.replace(f'query = "SELECT * FROM {table}"', f'query = "{query}"\ncursor = "{column}"')
    return text
