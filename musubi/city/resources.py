"""地域資源台帳: places, services and firms of the city; those the families' stories need, and others by size."""

from importlib.resources import files
from pathlib import Path

import numpy as np

from musubi.city.arrays import as_texts, chosen, generator, padded, plain
from musubi.city.calendars import written
from musubi.city.cases import Scene
from musubi.city.names import table
from musubi.city.places import towns
from musubi.city.population import CITY, RESIDENT, TODAY
from musubi.city.sheets import Sheet, write_csv

KINDS = ("居場所", "子ども食堂", "サロン", "就労体験", "配食", "学習支援", "移動支援", "一時生活支援")
HOSTS = ("NPO法人", "社会福祉法人", "自治会", "有志", "生活協同組合", "株式会社")


def make_resources(scene: Scene) -> Sheet:
    """Return the resource register; it names no client and counts as no mention."""
    rng = generator(scene.seed, "resources")
    told = table("resources.csv")
    header = (
        files("musubi.city").joinpath("data", "resources.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    )
    more = max(12, int((scene.person.state == RESIDENT).sum() * 0.002))
    size = len(told) + more
    sheet = Sheet("resources", size)
    town = rng.choice(len(towns().code), more, p=towns().share)
    kind = chosen(rng, more, KINDS)
    drawn = {
        "資源番号": as_texts([f"R{text}" for text in padded(1000 + np.arange(more), 4).tolist()]),
        "資源名": towns().name[town] + kind,
        "資源種別": kind,
        "実施主体": chosen(rng, more, HOSTS),
        "所在地": CITY + towns().name[town] + plain(rng.integers(1, 30, more)) + "番1号",
        "圏域": chosen(rng, more, ("北", "南", "東", "西", "中央")),
        "対象区分": chosen(rng, more, ("どなたでも", "子ども", "高齢者", "障害のある人", "生活に困っている人")),
        "定員": plain(rng.integers(5, 40, more)),
        "空き": plain(rng.integers(0, 5, more)),
        "空き確認日": written(TODAY - rng.integers(1, 60, more), "iso"),
        "開催頻度": chosen(rng, more, ("毎日", "週1回", "月2回", "随時")),
        "利用料": chosen(rng, more, ("無料", "100円", "300円")),
        "制度外利用可否": chosen(rng, more, ("可", "要相談", "否"), (0.3, 0.3, 0.4)),
    }
    for column in sheet.header:
        place = header.index(column) if column in header else -1
        first = [row[place] if place >= 0 else "" for row in told]
        sheet[column] = as_texts(first + list(drawn.get(column, [""] * more)))
    return sheet


def write_resources(sheet: Sheet, systems: Path, as_of: str) -> None:
    """``resources/SHIGEN_YYYYMMDD.csv``, UTF-8 with byte order mark."""
    write_csv(sheet, systems / "resources" / f"SHIGEN_{as_of}.csv", "utf-8-sig")
