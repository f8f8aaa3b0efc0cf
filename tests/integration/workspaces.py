"""Small workspaces for integration tests: made, fed and synced; and their state, free of ids, to be compared."""

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import unpack_from
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from connectors.testing import LEGAL
from pipelines.runs import begin_run, close_dead_runs, finish_run, held_lease, new_run_id
from pipelines.site import Site
from pipelines.stages import Clock
from pipelines.work import SyncReport, Work
from privacy.keyring import Keyring, create_keyring
from privacy.sealing import open_sealed
from schemas import tables
from schemas.search import ENTRY_BYTES
from schemas.tables import metadata

DEMO = Path(__file__).parents[2] / "musubi" / "city" / "workspace"
CONFIGURATION = """
[site]
name = "結市"
municipality_code = "132993"
log_origin = "yui.example/musubi/log"
[keys]
unlock = "demo"
"""


@dataclass(frozen=True)
class Place:
    """A workspace directory with its systems beside it."""

    base: Path

    @property
    def root(self) -> Path:
        return self.base / "workspace"

    @property
    def systems(self) -> Path:
        return self.base / "systems"

    def site(self) -> Site:
        return Site.open(self.root)

    def drop(self, source: str, name: str, content: str | bytes) -> Path:
        """Deliver a file."""
        path = self.systems / source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def source_text(source: str, preset: str, *, agency: str = "desk", top: str = "", population: str = "all") -> str:
    """A source file over a preset, fed from a folder of its name."""
    transport = f'[transport]\nkind = "files"\npath = "../systems/{source}"\n'
    head = f'id = "{source}"\npreset = "{preset}"\nagency = "{agency}"\n{top}\n'
    return f'{head}{transport}{LEGAL}population = "{population}"\n'


def make_place(
    base: Path, sources: Mapping[str, str], *, url: str = "", guards: str = "", keys: Path | None = None
) -> Place:
    """A workspace with these source files; ``keys`` of another one make its tokens comparable."""
    place = Place(base)
    (place.root / "sources").mkdir(parents=True)
    for name, text in sources.items():
        (place.root / "sources" / f"{name}.toml").write_text(text, "utf-8")
        (place.systems / name).mkdir(parents=True)
    shutil.copy(DEMO / "agencies.toml", place.root)
    store = f'[store]\nurl = "{url}"\n' if url else ""
    (place.root / "musubi.toml").write_text(f"{CONFIGURATION}{store}{guards}", "utf-8")
    if keys is None:
        create_keyring(place.root / "keys", None)
    else:
        shutil.copytree(keys, place.root / "keys")
    return place


def city_place(base: Path, systems: Path, *, url: str = "", keys: Path | None = None) -> Place:
    """The demo workspace on a copy of a city's systems."""
    place = Place(base)
    base.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DEMO, place.root)
    shutil.copytree(systems, place.systems)
    if url:
        with (place.root / "musubi.toml").open("a", encoding="utf-8") as file:
            file.write(f'\n[store]\nurl = "{url}"\n')
    if keys is None:
        create_keyring(place.root / "keys", None)
    else:
        shutil.copytree(keys, place.root / "keys")
    return place


def plain_sync(
    site: Site, *, sources: Collection[str] = (), accept_removals: int = 0, link: bool = True, workers: int = 0
) -> SyncReport:
    """The steps of a sync without Dagster around them: the same work, many times faster for small deliveries."""
    with held_lease(site.engine) as lease:
        close_dead_runs(site.engine)
        run_id = new_run_id()
        work = Work(
            site, Clock(), run_id, lease=lease, chosen=sources, accept_removals=accept_removals, workers=workers
        )
        begin_run(site.engine, "sync", run_id)
        with work.workers:
            work.register_sources()
            for key in list(work.look()):
                work.land(key)
            if link:
                work.link()
                work.house()
                work.publish()
            work.finish()
        finish_run(site.engine, "sync", run_id, work.report.status, work.report.counts())
    site.sequencer().run()
    return work.report


# --- state ------------------------------------------------------------------------------------------------

State = dict[str, list[Any]]
NOT_STATE = {"run", "lease", "setting", "outbox", "act", "log_head", "lineage", "pseudonym", "data_key", "posting"}
"""The run ledger, the log, and what tells how ids came to be; data keys are compared by what they open."""
LEFT_OUT = {
    "delivery": {"delivery_id", "run_id", "accepted", "unchanged", "quarantined", "data_key"},
    "source_record": {"delivery_id", "line"},
    "source_event": {"event_id", "delivery_id", "line", "data_key"},
    "quarantine": {"quarantine_id", "delivery_id", "line", "data_key", "run_id"},
    "fact": {"fact_id"},
    "consent": {"consent_id", "recorded_at"},
}
PLURAL_IDS = ("mention_id", "other_mention_id", "a", "b")
GENERATED = ("row_id", "g_from", "g_to", "fact_id")


class Canon:
    """Names for ids: a record by source and key token, a mention by role there, a person by who is in it."""

    def __init__(self, conn: Connection, keyring: Keyring) -> None:
        self.conn, self.keyring = conn, keyring
        record, mention = tables.source_record.c, tables.mention.c
        self.records = {
            row[0]: (row[1], row[2]) for row in self._all(record.record_id, record.source_id, record.key_token)
        }
        self.mentions: dict[Any, tuple[Any, ...]] = {
            row[0]: (*self.records[row[1]], row[2], row[3])
            for row in self._all(mention.mention_id, mention.record_id, mention.role, mention.seq)
        }
        version = tables.mention_version.c
        self.versions = {
            row[0]: self.mentions.get(row[1]) for row in self._all(version.version_id, version.mention_id)
        }
        self.persons: dict[int, Any] = {}
        person = tables.person_mention.c
        for mention_id, person_id in self._all(person.mention_id, person.person_id):
            name = self.mentions[mention_id]
            self.persons[person_id] = min(name, self.persons.get(person_id, name))
        self.keys = {
            row[0]: keyring.unwrap(row[1], row[2])
            for row in self._all(
                tables.data_key.c.mention_id, tables.data_key.c.wrapped, tables.data_key.c.kek_version
            )
        }
        self.households = self._households()
        consent = tables.consent.c
        tokens: dict[int, Any] = {}
        for token, mention_id in self._all(consent.consent_token, consent.mention_id):
            tokens[token] = min(self.mentions[mention_id], tokens.get(token, self.mentions[mention_id]))
        self.consents = tokens
        generation = conn.execute(
            select(tables.setting.c.value).where(tables.setting.c.name == "generation")
        ).scalar()
        self.generation = int(generation or 0)

    def _all(self, *columns: Any) -> list[Any]:
        return list(self.conn.execute(select(*columns)))

    def _households(self) -> dict[int, Any]:
        member = tables.membership
        kinds = dict(self._all(tables.household.c.household_id, tables.household.c.kind))
        found: dict[int, list[Any]] = {}
        for row in self.conn.execute(select(member)).mappings():
            person = self.persons.get(row["person_id"])
            found.setdefault(row["household_id"], []).append((person, row["state"], row["relation"]))
        return {key: (kinds[key], tuple(sorted(map(repr, rows)))) for key, rows in found.items()}

    def table(self, table: Table) -> list[Any]:
        """All rows of a table under canonical names, sorted."""
        rows = self.conn.execute(select(table)).mappings()
        special = getattr(self, f"_{table.name}", None)
        if special is not None:
            made = [special(dict(row)) for row in rows]
        elif table.name.startswith("view_"):
            made = [
                self._plain(table.name, dict(row)) for row in rows if row["g_from"] <= self.generation < row["g_to"]
            ]
        else:
            made = [self._plain(table.name, dict(row)) for row in rows]
        return sorted((row for row in made if row is not None), key=repr)

    def _plain(self, name: str, row: dict[str, Any]) -> Any:
        for column in LEFT_OUT.get(name, ()):
            del row[column]
        if name.startswith("view_"):
            for column in GENERATED:
                row.pop(column, None)
        for column, value in row.items():
            if column in PLURAL_IDS and value is not None:
                row[column] = self.mentions.get(value, "gone")
            elif column == "record_id":
                row[column] = self.records[value]
            elif column == "person_id":
                row[column] = self.persons.get(value)
            elif column == "household_id":
                row[column] = self.households.get(value)
            elif column == "protection_id":
                row[column] = self.mentions[value]
            elif column in {"version_id", "identity_version", "address_version"}:
                row[column] = self.versions.get(value)
            elif column in {"consent_token", "supersedes_token"} and value is not None:
                row[column] = self.consents.get(value, "unknown")
        return tuple(row.items())

    def _view_search(self, row: dict[str, Any]) -> Any:
        if not row["g_from"] <= self.generation < row["g_to"]:
            return None
        packed, count = row["entries"], len(row["entries"]) // ENTRY_BYTES
        tokens, persons = unpack_from(f"<{count}q", packed), unpack_from(f"<{count}q", packed, 8 * count)
        entries = zip(tokens, packed[16 * count :], map(self.persons.get, persons), strict=True)
        return (row["part"], tuple(sorted(entries, key=repr)))

    def _mention_version(self, row: dict[str, Any]) -> Any:
        mention_id = row["mention_id"]
        place = self.mentions.get(mention_id)
        if place is None:
            return ("unreachable",)
        where = "/".join(map(str, place))
        for part in ("identity", "address", "notes"):
            if row[part] is not None:
                row[part] = open_sealed(
                    self.keys[mention_id], row[part], table="mention_version", row=where, field=part
                )
        del row["version_id"]
        return self._plain("mention_version", row)

    def _source_event(self, row: dict[str, Any]) -> Any:
        where = f"{row['source_id']}/{row['event_token']}/{row['corrected']}"
        key = self.keyring.unwrap(row["data_key"])
        row["payload"] = open_sealed(key, row["payload"], table="source_event", row=where, field="payload")
        return self._plain("source_event", row)

    def _quarantine(self, row: dict[str, Any]) -> Any:
        where = f"{row['source_id']}/{row['row_token']}"
        row["row"] = open_sealed(
            self.keyring.unwrap(row["data_key"]), row["row"], table="quarantine", row=where, field="row"
        )
        return self._plain("quarantine", row)

    def _delivery(self, row: dict[str, Any]) -> Any:
        where = f"{row['source_id']}/{row['content_hash']}"
        key = self.keyring.unwrap(row["data_key"])
        row["name"] = open_sealed(key, row["name"], table="delivery", row=where, field="name")
        return self._plain("delivery", row)

    def _mention(self, row: dict[str, Any]) -> Any:
        return self.mentions[row["mention_id"]]

    def _link_edge(self, row: dict[str, Any]) -> Any:
        ends = sorted((self.mentions[row["a"]], self.mentions[row["b"]]))
        return (*ends, row["kind"], row["weight"], row["outcome"])

    def _person(self, row: dict[str, Any]) -> Any:
        return self.persons.get(row["person_id"]) if row["retired_to"] is None else None

    def _household(self, row: dict[str, Any]) -> Any:
        return self.households.get(row["household_id"]) if row["retired_to"] is None else None


def state_of(site: Site) -> State:
    """All tables of a store but run ledger, log and lineage, free of ids, instants and nonces."""
    return read_state(site.engine, site.keyring)


def read_state(engine: Engine, keyring: Keyring) -> State:
    with engine.connect() as conn:
        canon = Canon(conn, keyring)
        return {table.name: canon.table(table) for table in metadata.sorted_tables if table.name not in NOT_STATE}


def assert_same(found: State, wanted: State) -> None:
    """Say which table differs, and by which rows."""
    for name, rows in wanted.items():
        assert len(rows) == len(found[name]), (name, difference(found[name], rows))
        assert found[name] == rows, (name, difference(found[name], rows))


def difference(found: list[Any], wanted: list[Any]) -> str:
    one, two = set(map(repr, found)), set(map(repr, wanted))
    return json.dumps({"more": sorted(one - two)[:5], "less": sorted(two - one)[:5]}, ensure_ascii=False, indent=1)


def accounts(site: Site) -> list[Any]:
    """Deliveries whose account does not close."""
    table = tables.delivery
    with site.engine.connect() as conn:
        rows = conn.execute(select(table)).mappings()
        return [dict(row) for row in rows if row["delivered"] != row["accepted"] + row["quarantined"] + row["held"]]


Maker = Callable[..., Place]
