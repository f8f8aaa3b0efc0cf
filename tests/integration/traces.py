"""Searching whole directories for values that must not stand there, in every form and encoding they might have."""

import csv
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

PREFIX = 6
"""Bytes every searched form has at least: shorter ones turn up in sealed bytes by chance."""
BLOCK = 1 << 22
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp932")
_HALF = str.maketrans(
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲンァィゥェォャュョッー",
    "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝｧｨｩｪｫｬｭｮｯｰ",
)
_VOICED = str.maketrans(
    {
        **{chr(ord(base) + 1): base + "゛" for base in "カキクケコサシスセソタチツテトハヒフヘホ"},
        **{chr(ord(base) + 2): base + "゜" for base in "ハヒフヘホ"},
        "ヴ": "ウ゛",
    }
)


def half_width(kana: str) -> str:
    """Full-width katakana as most vendors write it."""
    return kana.translate(_VOICED).translate(_HALF).replace("゛", "ﾞ").replace("゜", "ﾟ").replace("　", " ")


def name_forms(full: str) -> Iterator[str]:
    """A name whole, with either space and without; its parts where they are no mere syllable."""
    parts = full.replace("　", " ").split(" ")
    yield from {"　".join(parts), " ".join(parts), "".join(parts)}
    yield from (part for part in parts if len(part) >= 3)


def residents(systems: Path, count: int) -> list[str]:
    """Everything the register writes of its first residents that must never stand in clear."""
    forms: set[str] = set()
    with next((systems / "ledger").glob("*.csv")).open(encoding="cp932", errors="replace", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number == count:
                break
            for name in (row["氏名"], row.get("旧氏", ""), row.get("通称", "")):
                forms.update(name_forms(name))
            kana = row["氏名_フリガナ"]
            forms.update(form for whole in (kana, half_width(kana)) for form in name_forms(whole))
            forms.update({row["住所_番地号表記"], row["住所_方書"], row["住所_町字"] + row["住所_番地号表記"]})
            forms.update({row["宛名番号"], row["世帯番号"]})
    for path in systems.rglob("*.csv"):
        forms.update(_phones(path))
        forms.update(_case_numbers(path))
    return sorted(form for form in forms if len(form) >= 3)


CASE_NUMBERS = ("プラン番号", "会議番号")


def _case_numbers(path: Path) -> Iterator[str]:
    """The numbers of plans and meetings: they lead to a person as a record key does."""
    for row in _rows(path):
        yield from (row[name] for name in CASE_NUMBERS if row.get(name))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    raw = path.read_bytes()
    text = raw.decode("utf-8-sig") if raw.startswith(b"\xef\xbb\xbf") else raw.decode("cp932", "replace")
    yield from csv.DictReader(text.splitlines())


def _phones(path: Path) -> Iterator[str]:
    for row in _rows(path):
        for name, cell in row.items():
            if name and "電話" in name and isinstance(cell, str) and sum(map(str.isdigit, cell)) >= 10:
                yield cell
                yield "".join(filter(str.isdigit, cell))


def encoded(forms: Iterable[str]) -> dict[bytes, str]:
    """All searched byte strings, each with the form it stands for."""
    found: dict[bytes, str] = {}
    for form in forms:
        for encoding in ENCODINGS:
            try:
                raw = form.encode(encoding)
            except UnicodeEncodeError:
                continue
            found[raw] = form
        found[json.dumps(form)[1:-1].encode()] = form
    return {raw: form for raw, form in found.items() if len(raw) >= PREFIX}


def _contents(directories: Iterable[Path]) -> Iterator[tuple[Path, bytes]]:
    for directory in directories:
        for path in directory.rglob("*"):
            yield path, os.fsencode(path.relative_to(directory))
            if path.is_file():
                yield path, path.read_bytes()


def traces(directories: Iterable[Path], needles: dict[bytes, str]) -> list[tuple[str, str]]:
    """(file, form) for every searched form that stands in a file below the directories, or in the file's own name."""
    by_prefix: dict[int, list[bytes]] = {}
    for raw in needles:
        by_prefix.setdefault(int.from_bytes(raw[:PREFIX], "little"), []).append(raw)
    wanted = np.array(sorted(by_prefix), dtype=np.uint64)
    found: set[tuple[str, str]] = set()
    for path, data in _contents(directories):
        for start in range(0, len(data), BLOCK):
            block = np.frombuffer(data, np.uint8, min(BLOCK + PREFIX - 1, len(data) - start), start).astype(np.uint64)
            if len(block) < PREFIX:
                continue
            windows = sum((block[i : len(block) - PREFIX + 1 + i] << np.uint64(8 * i)) for i in range(PREFIX))
            places = np.minimum(np.searchsorted(wanted, windows), len(wanted) - 1)
            for place in np.flatnonzero(wanted[places] == windows):
                for raw in by_prefix[int(windows[place])]:
                    if data.startswith(raw, start + int(place)):
                        found.add((str(path), needles[raw]))
    return sorted(found)
