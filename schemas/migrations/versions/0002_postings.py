"""How a linkage run finds neighbours: postings, and indexes of the few rows it looks for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APART = sa.text("outcome <> 'linked'")
RETIRED = sa.text("retired_to IS NOT NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "posting",
        sa.Column("segment", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("segment", "part"),
    )
    op.create_index("ix_link_edge_apart", "link_edge", ["b"], sqlite_where=APART, postgresql_where=APART)
    op.create_index(
        "ix_household_retired", "household", ["household_id"], sqlite_where=RETIRED, postgresql_where=RETIRED
    )
    op.create_index("ix_person_retired", "person", ["person_id"], sqlite_where=RETIRED, postgresql_where=RETIRED)


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_person_retired", "person")
    op.drop_index("ix_household_retired", "household")
    op.drop_index("ix_link_edge_apart", "link_edge")
    op.drop_table("posting")
