"""What the register says about households (住民票の世帯): who is a member now, who was, and since when."""

import polars as pl

from linkage.evidence import KIN, SINCE, STATUS

RESIDENT = "resident"
"""Code of the residence fact of a person who is on the register now (住民状態 1)."""


def register_rows(rows: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Register rows of persons with household number: ``current``, valid_from, valid_to, relation."""
    status = facts.filter(pl.col("tells") == STATUS).unique("mention_id", keep="first")
    since = facts.filter(pl.col("tells") == SINCE).unique("mention_id", keep="first")
    relation = facts.filter(pl.col("tells") == KIN).unique("mention_id", keep="first")
    mine = rows.filter(pl.col("ledger") & (pl.col("role") == "subject") & pl.col("household_no").is_not_null())
    return (
        mine.join(
            status.select("mention_id", "code", start="valid_from", end="valid_to"), on="mention_id", how="left"
        )
        .join(since.select("mention_id", since="valid_from"), on="mention_id", how="left")
        .join(relation.select("mention_id", relation="code"), on="mention_id", how="left")
        .with_columns(pl.col("since", "start", "end", "code", "relation").cast(pl.String).fill_null(""))
        .with_columns(
            valid_from=pl.max_horizontal("since", "start"),
            current=(pl.col("history") == 0)
            & pl.col("closed_as_of").is_null()
            & pl.col("code").is_in([RESIDENT, ""])
            & (pl.col("died") == 0),
        )
        .with_columns(
            valid_to=pl.when("current")
            .then(pl.lit(""))
            .when(pl.col("end") != "")
            .then("end")
            # Ended on a day nobody states: at the latest when the source no longer had it; else on its first day.
            .otherwise(pl.coalesce("closed_as_of", "valid_from")),
        )
    )


def register_members(registered: pl.DataFrame) -> pl.DataFrame:
    """One membership per register household and person, the current one before the past ones."""
    order = registered.sort(
        ["household_no", "person_id", "current", "valid_from", "valid_to", "node"],
        descending=[False, False, True, True, True, False],
    )
    return order.unique(["household_no", "person_id"], keep="first", maintain_order=True).select(
        "person_id",
        cluster="household_no",
        state=pl.lit("present"),
        relation="relation",
        evidence=pl.lit("register"),
        valid_from="valid_from",
        valid_to="valid_to",
    )
