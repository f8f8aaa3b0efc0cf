"""A workspace of a few agencies and whatever sources a test gives it; synced for real, in this process."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from pipelines.quarantine import RetryReport, Waiting, retry, waiting
from pipelines.site import Site
from pipelines.sync import SyncReport, sync
from privacy.keyring import create_keyring
from schemas.tables import delivery, source_record

MUSUBI = """
[site]
name = "結市"
municipality_code = "132993"

[keys]
unlock = "demo"
"""
AGENCIES = """
[[agency]]
id = "desk"
name = "福祉まるごと相談窓口"
kind = "municipal_department"
integrated_desk = true

[[agency]]
id = "shimin"
name = "市民課"
kind = "municipal_department"

[[agency]]
id = "chiiki"
name = "地域福祉課"
kind = "municipal_department"

[[staff]]
id = "desk-01"
agency = "desk"
role = "desk_worker"

[[staff]]
id = "chiiki-01"
agency = "chiiki"
role = "agency_worker"
"""
LEGAL = """
[legal]
controller = "地域福祉課"
purpose = "見守り"
holding = "社会福祉法第106条の4第2項"
linking = "社会福祉法第106条の4第2項"
register = "結-9001"
"""


class SmallTown:
    """One workspace directory, opened anew for every act, as the command line does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sources").mkdir(parents=True)
        (root / "musubi.toml").write_text(MUSUBI, "utf-8")
        (root / "agencies.toml").write_text(AGENCIES, "utf-8")
        create_keyring(root / "keys", None)

    def define(self, source_id: str, definition: str) -> None:
        """Write a source file; the definition replaces what was there."""
        (self.root / "sources" / f"{source_id}.toml").write_text(definition, "utf-8")

    def drop(self, folder: str, files: dict[str, bytes]) -> None:
        """Let a folder hold these files and no others."""
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        for path in place.iterdir():
            path.unlink()
        for name, content in files.items():
            (place / name).write_bytes(content)

    @contextmanager
    def site(self) -> Iterator[Site]:
        """Open the workspace; what opening sets for the whole process is put back, a test is not a process."""
        before = tempfile.tempdir
        try:
            with Site.open(self.root) as opened:
                yield opened
        finally:
            tempfile.tempdir = before

    def sync(self, sources: Collection[str] = (), accept_removals: int = 0) -> SyncReport:
        """Run once, without worker processes."""
        with self.site() as site:
            return sync(site, sources=sources, accept_removals=accept_removals, workers=0)

    def retry(self, source_id: str = "") -> RetryReport:
        """Try refused rows again."""
        with self.site() as site:
            return retry(site, source_id)

    def waiting(self, source_id: str = "") -> list[Waiting]:
        """List refused rows."""
        with self.site() as site:
            return waiting(site, source_id)

    def accounts(self) -> dict[str, tuple[int, int, int, int]]:
        """Give, by source, the delivered, accepted, quarantined and held rows of all its deliveries."""
        count = delivery.c
        sums = [func.sum(column) for column in (count.delivered, count.accepted, count.quarantined, count.held)]
        with self.site() as site, site.engine.connect() as conn:
            rows = conn.execute(select(count.source_id, *sums).group_by(count.source_id))
            return {source: (int(a), int(b), int(c), int(d)) for source, a, b, c, d in rows}

    def reasons(self) -> list[tuple[str, str]]:
        """Give, as (source, sentence), why deliveries are held now."""
        query = select(delivery.c.source_id, delivery.c.reason).where(delivery.c.status == "held")
        with self.site() as site, site.engine.connect() as conn:
            return [(source, reason) for source, reason in conn.execute(query)]

    def standing(self) -> dict[str, int]:
        """Count the open current records of each source."""
        record = source_record.c
        current = (record.closed_as_of.is_(None), record.history == 0, record.deleted == 0)
        query = select(record.source_id, func.count()).where(*current).group_by(record.source_id)
        with self.site() as site, site.engine.connect() as conn:
            return {source: int(count) for source, count in conn.execute(query)}
