"""Sources that answer badly: databases that are cut or change while read, FHIR servers that misbehave."""

import gc
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.fakes.bad_input import HEADER, ROWS, SECRETS, definition
from tests.fakes.fhir_server import FhirServer, Trouble, serving
from tests.fakes.small_town import LEGAL, SmallTown

PATIENTS = [
    {
        "resourceType": "Patient",
        "id": f"p{number}",
        "name": [{"family": "結城", "given": [given]}],
        "gender": "female",
    }
    for number, given in enumerate(("花子", "葉子", "咲子"), 1)
]
FHIR = (
    'id = "family"\npreset = "child_support_fhir"\nagency = "chiiki"\n[transport]\nkind = "fhir"\n{}\n'
    'resources = ["Patient"]\n' + LEGAL
)
NAMES = ("結城", "花子", "葉子", "咲子", *SECRETS)


@pytest.fixture
def town(tmp_path: Path) -> SmallTown:
    return SmallTown(tmp_path / "workspace")


@pytest.fixture
def server() -> Iterator[FhirServer]:
    with serving(FhirServer({"Patient": PATIENTS})) as found:
        yield found


def watch_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE watch ({', '.join(HEADER)})")
        connection.executemany(f"INSERT INTO watch VALUES ({','.join('?' * len(HEADER))})", ROWS)
    connection.close()


def sql_source(source_id: str, query: str, url: str = "sqlite:///watch.db") -> str:
    transport = f'kind = "sql"\nurl = "{url}"\nquery = "{query}"\nas_of_query = "SELECT 20261101"\nattempts = 3'
    return definition(source_id, form='kind = "table"', transport=transport)


def lands(town: SmallTown, source_id: str) -> None:
    report = town.sync()
    assert (report.exit_code, report.delivered, report.accepted) == (0, 3, 3)
    assert town.standing() == {source_id: 3}


def fails(town: SmallTown, source_id: str, says: str) -> None:
    report = town.sync()
    assert report.exit_code == 1
    assert (report.delivered, report.accepted, report.quarantined, report.held) == (0, 0, 0, 0)
    (told,) = report.unavailable
    assert told.startswith(f"{source_id}:")
    assert says in told
    assert not [name for name in NAMES if name in told]


# --- databases --------------------------------------------------------------------------------------------------


def test_a_database_that_is_not_there_is_asked_again_by_the_next_run(town: SmallTown) -> None:
    town.define("gone", sql_source("gone", "SELECT * FROM watch"))
    fails(town, "gone", "did not answer")
    watch_table(town.root / "watch.db")
    lands(town, "gone")


def test_rows_that_change_while_they_are_read_are_read_again_by_the_next_run(town: SmallTown) -> None:
    watch_table(town.root / "watch.db")
    columns = ", ".join(HEADER[:-1])
    town.define("moving", sql_source("moving", f"SELECT {columns}, hex(randomblob(8)) AS 様子 FROM watch"))
    fails(town, "moving", "changed while they were read")
    town.define("moving", sql_source("moving", "SELECT * FROM watch"))
    lands(town, "moving")


def test_a_query_that_names_a_column_nobody_has(town: SmallTown) -> None:
    watch_table(town.root / "watch.db")
    town.define("wrong", sql_source("wrong", "SELECT 住所 FROM watch"))
    fails(town, "wrong", "did not answer")


def test_a_nul_in_a_database_is_refused(town: SmallTown) -> None:
    watch_table(town.root / "watch.db")
    with sqlite3.connect(town.root / "watch.db") as connection:
        connection.execute("UPDATE watch SET 様子 = ? WHERE 番号 = ?", ("耳が\0遠い", ROWS[1][0]))
    connection.close()
    town.define("nul", sql_source("nul", "SELECT * FROM watch"))
    report = town.sync()
    assert (report.delivered, report.accepted, report.quarantined) == (3, 2, 1)
    assert [row.code for row in town.waiting("nul")] == ["nul"]


@pytest.mark.filterwarnings(  # SQLAlchemy lets go of a connection that is dead without closing it
    "ignore:Exception ignored in.*(ServerCursor|BaseConnection):pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize(("cuts", "ends_well"), [(1, True), (1000, False)])
def test_a_connection_that_is_cut(town: SmallTown, postgres_url: str, cuts: int, *, ends_well: bool) -> None:
    """A real server ends its own connection while the rows are read, once or every time."""
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        columns = ", ".join(f'"{name}" text' for name in HEADER)
        connection.execute(text(f"CREATE TABLE watch ({columns})"))
        for row in ROWS:
            cells = ", ".join(f"'{cell}'" for cell in row)
            connection.execute(text(f"INSERT INTO watch VALUES ({cells})"))
        connection.execute(text("CREATE SEQUENCE reads"))
        connection.execute(
            text(
                "CREATE FUNCTION cut() RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT CASE WHEN "
                f"nextval('reads') <= {cuts} THEN pg_terminate_backend(pg_backend_pid()) ELSE true END $$"
            )
        )
    engine.dispose()
    town.define("cut", sql_source("cut", "SELECT watch.* FROM watch, (SELECT cut()) AS once", postgres_url))
    if ends_well:
        lands(town, "cut")
    else:
        fails(town, "cut", "did not answer")
        town.define("cut", sql_source("cut", "SELECT * FROM watch", postgres_url))
        lands(town, "cut")
    gc.collect()  # what the driver says of dead connections belongs to this test


# --- FHIR servers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("http500", "HTTP 500"),
        ("http401", "check url and token"),
        ("slow", "the next run tries again"),
        ("garbage", "no JSON"),
        ("no-bundle", "not a FHIR Bundle"),
        ("broken-entry", "no FHIR Bundle of resources"),
        ("loop", "do not end"),
        ("elsewhere", "another host"),
    ],
)
def test_a_server_that_misbehaves_and_recovers(
    town: SmallTown, server: FhirServer, trouble: Trouble, says: str
) -> None:
    wait = 0.5 if trouble == "slow" else 10
    town.define("family", FHIR.format(f'url = "{server.url}"\npage = 2\nattempts = 2\ntimeout = {wait}'))
    server.break_down(trouble)
    fails(town, "family", says)
    assert len(server.requests) <= 4
    server.trouble = None
    lands(town, "family")


@pytest.mark.parametrize("trouble", ["http500", "garbage", "slow"])
def test_a_passing_trouble_is_asked_again_in_the_same_run(
    town: SmallTown, server: FhirServer, trouble: Trouble
) -> None:
    wait = 1 if trouble == "slow" else 10
    town.define("family", FHIR.format(f'url = "{server.url}"\ntimeout = {wait}'))
    server.break_down(trouble, times=1)
    lands(town, "family")


def test_a_server_that_is_not_there(town: SmallTown) -> None:
    town.define("family", FHIR.format('url = "http://127.0.0.1:9/fhir"\nattempts = 2'))
    fails(town, "family", "the next run tries again")


# --- Bulk Data --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "code", "counts"),
    [
        ({"Encounter": ['{"resourceType": "Encounter", "id": "e1"}']}, "missing-file", (1, 0, 0, 1)),
        ({"Patient": [json.dumps(PATIENTS[0]), '{"resourceType": "Pat']}, "truncated", (2, 0, 0, 2)),
        ({"Patient": ["結城　花子", json.dumps(PATIENTS[0])]}, "not-fhir", (2, 1, 1, 0)),
        (
            {"Patient": [json.dumps(PATIENTS[0])], "Encounter": ['{"resourceType": "Encounter", "id": "e1"}']},
            "no-patient",
            (2, 1, 1, 0),
        ),
        (
            {
                "Patient": [json.dumps(PATIENTS[0])],
                "Encounter": ['{"resourceType": "Encounter", "id": "e1", "subject": {"reference": "Patient/p9"}}'],
            },
            "unknown-patient",
            (2, 1, 1, 0),
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_bad_bulk_export(
    town: SmallTown, files: dict[str, list[str]], code: str, counts: tuple[int, int, int, int]
) -> None:
    town.define("family", FHIR.format('path = "bulk"').replace('["Patient"]', '["Patient", "Encounter"]'))
    town.drop("bulk/20261101", {f"{kind}.ndjson": "\n".join(lines).encode() for kind, lines in files.items()})
    report = town.sync()
    assert (report.delivered, report.accepted, report.quarantined, report.held) == counts
    codes = [guard.code for guard in report.guards] + [row.code for row in town.waiting()]
    assert codes == [code]
    town.drop("bulk/20261102", {"Patient.ndjson": "".join(f"{json.dumps(one)}\n" for one in PATIENTS).encode()})
    for path in (town.root / "bulk/20261101").iterdir():
        path.unlink()
    (town.root / "bulk/20261101").rmdir()
    again = town.sync()
    assert again.exit_code == 0
    assert town.standing() == {"family": 3}
