"""Alembic migrations of a workspace's database; run by ``schemas.store.migrate``."""
