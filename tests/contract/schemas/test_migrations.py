"""The migrations make exactly the tables the code names, on both engines."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from schemas.store import bulk_insert, chunks, delete_by, migrate
from schemas.tables import metadata, touched


def test_a_migrated_database_has_the_tables_of_the_code(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrating_again_changes_nothing(engine):
    with engine.begin() as connection:
        bulk_insert(connection, touched, [(1,), (2,)])
    migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(touched.select().order_by(touched.c.mention_id)).scalars().all() == [1, 2]


def test_bulk_insert_passes_over_duplicates_only_when_told(engine):
    with engine.begin() as connection:
        bulk_insert(connection, touched, [(number,) for number in range(1000)])
        bulk_insert(connection, touched, [(number,) for number in range(500, 1500)], ignore_duplicates=True)
        delete_by(connection, touched, "mention_id", range(100))
    with engine.connect() as connection:
        assert len(connection.execute(touched.select()).all()) == 1400


def test_chunks_cover_everything_once():
    assert [number for part in chunks(range(1201)) for number in part] == list(range(1201))
