"""What the desk is asked in benchmarks: people of the case files, by the name and birth date written there."""

import csv
import random
from pathlib import Path

from desk import Query

SEED = 7
NAMED = {
    "desk_intake": ("本人氏名", "本人生年月日"),
    "hospital": ("患者氏名", "患者生年月日"),
    "jiritsu": ("氏名", "生年月日"),
    "school": ("児童生徒氏名", "生年月日"),
}
"""Source → columns of name and birth date, of sources whose every person is published."""


def queries(systems: Path, count: int) -> list[Query]:
    """Draw queries from the newest delivery of each of these sources, evenly."""
    rng, drawn = random.Random(SEED), []
    for source, (name, birth) in NAMED.items():
        with max((systems / source).glob("*.csv")).open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row[name].strip() and row[birth].strip()]
        drawn += [
            Query(name=row[name], birth=row[birth]) for row in rng.sample(rows, min(len(rows), count // len(NAMED)))
        ]
    rng.shuffle(drawn)
    return drawn
