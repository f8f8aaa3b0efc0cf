"""Households: what the register says (住民票の世帯) and who lives together, both kept, with ids that survive.

Memberships follow from the records alone, whatever the order in which they came: a past one comes from a
superseded or ended register row, not from what an earlier run believed.
"""

import time
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Engine, func, select

from linkage.evidence import read_evidence
from linkage.homes import COLUMNS, Homes, all_homes
from linkage.identity import NOBODY, inherit
from linkage.living import living_members
from linkage.neighbours import touched_and_near
from linkage.partition import Reading
from linkage.register import register_members, register_rows
from linkage.surroundings import Surroundings
from linkage.writing import HouseholdChange, mark_touched, write_households
from schemas.tables import household


@dataclass(frozen=True)
class HouseholdReport:
    """What a household run saw and did; counts only."""

    persons: int
    """Persons read."""
    register: int
    """Households of the register that were looked at anew, and living ones."""
    living: int
    minted: int
    retired: int
    changed: int
    """Persons whose membership changed."""
    seconds: float


def resolve_households(engine: Engine, run_id: str, read: Reading | None = None) -> HouseholdReport:
    """Bring households and memberships up to date with persons and records. Returns counts.

    ``read``: what was read for the links just before; it is let go as soon as it is not needed.
    """
    begun = time.perf_counter()
    evidence, shelf = (None, None) if read is None else read.taken()
    marked, near = touched_and_near(engine, shelf)
    if near is None:
        homes = all_homes(engine, evidence or read_evidence(engine))
        del evidence
        wanted = _wanted(homes)
    else:
        homes, wanted = _around(Surroundings(engine, near, marked))
    change, kinds = _compared(engine, homes, wanted)
    moved = pl.concat([change.add["person_id"], change.drop["person_id"]]).unique()
    mentions = homes.rows.filter(pl.col("person_id").is_in(moved.implode()))["mention_id"]
    mark_touched(engine, mentions.filter(~mentions.is_in(marked.implode())))
    write_households(engine, run_id, change)
    counts = dict(kinds.value_counts().iter_rows())
    return HouseholdReport(
        persons=homes.rows["person_id"].n_unique(),
        register=counts.get("register", 0),
        living=counts.get("living", 0),
        minted=change.minted.height,
        retired=change.retired.height,
        changed=moved.len(),
        seconds=time.perf_counter() - begun,
    )


def _wanted(homes: Homes) -> pl.DataFrame:
    """Say who is a member of what: kind, cluster, person_id and what a membership states."""
    registered = register_rows(homes.rows, homes.facts)
    register, living = register_members(registered), living_members(homes, registered)
    return pl.concat(
        [
            register.select(pl.lit("register").alias("kind"), "cluster", "person_id", *COLUMNS),
            living.select(pl.lit("living").alias("kind"), "cluster", "person_id", *COLUMNS),
        ],
    )


def _around(around: Surroundings) -> tuple[Homes, pl.DataFrame]:
    """Look at what can be reached, and at whatever that turns out to touch."""
    while True:
        homes = around.homes()
        wanted = _wanted(homes)
        living = pl.col("kind") == "living"
        mine = living & pl.col("person_id").is_in(around.persons.implode())
        ours = ~living | pl.col("cluster").is_in(wanted.filter(mine)["cluster"].implode())
        wanted = wanted.filter(ours)
        others = wanted.filter(living & ~mine)["person_id"]
        robbed = _robbed(homes, wanted)
        if not others.len() and not robbed.len():
            return homes, wanted
        around.widen(others, robbed)


def _robbed(homes: Homes, wanted: pl.DataFrame) -> pl.Series:
    """Give register households beside those looked at whose stays stand under an id that one of these has or had."""
    register = wanted.filter(pl.col("kind") == "register")
    stays = register.join(homes.held, on=["kind", "person_id", "valid_from"])
    mine = (
        stays["cluster"].is_in(homes.numbers.implode()) if homes.numbers is not None else stays["cluster"].is_null()
    )
    shared = stays.filter(mine)["household_id"]
    return stays.filter(~mine & pl.col("household_id").is_in(shared.implode()))["cluster"].unique()


def _compared(engine: Engine, homes: Homes, wanted: pl.DataFrame) -> tuple[HouseholdChange, pl.Series]:
    """Give every household its id, and say what is to be written, and of which kinds the households are."""
    joint = ["kind", "cluster"]
    groups = wanted.group_by(joint).agg(order=pl.col("person_id").min()).sort(joint).with_row_index("group")
    asked = groups
    if homes.numbers is not None:
        # Other households of the register compete for ids of theirs, and keep them.
        asked = groups.filter((pl.col("kind") != "register") | pl.col("cluster").is_in(homes.numbers.implode()))
    known = (
        wanted.select(*joint, "person_id", "valid_from")
        .join(homes.held, on=["kind", "person_id"], suffix="_held")
        .join(groups.drop("order"), on=joint)
        # One person may be a past member here and a member there: the stay that began on one day is the same stay.
        .with_columns(weight=1 + 1000 * (pl.col("valid_from") == pl.col("valid_from_held")).cast(pl.Int64))
    )
    with engine.connect() as connection:
        next_id = connection.execute(select(func.coalesce(func.max(household.c.household_id), 0))).scalar_one() + 1
    kept = inherit(
        asked.select("order", cluster="group"),
        known.select("weight", cluster="group", old_id="household_id"),
        next_id,
    )
    ids = asked.join(kept.ids, left_on="group", right_on="cluster").select(*joint, household_id="id")
    members = wanted.join(ids, on=joint).select("household_id", "person_id", *COLUMNS)
    emptied = homes.held.filter(~pl.col("household_id").is_in(known["household_id"].implode()))["household_id"]
    empty = pl.DataFrame({"old_id": emptied.unique()}).with_columns(new_id=pl.lit(NOBODY, dtype=pl.Int64))
    retired = pl.concat([kept.succeeded, empty]).sort("old_id")
    mine = pl.concat([ids["household_id"], retired["old_id"]])
    there = homes.there.filter(pl.col("household_id").is_in(mine.implode()))
    keys = ["household_id", "person_id", *COLUMNS]
    change = HouseholdChange(
        retired=retired,
        minted=ids.filter(pl.col("household_id") >= next_id).select("household_id", "kind"),
        add=members.join(there, on=keys, how="anti"),
        drop=there.select(keys).join(members, on=keys, how="anti"),
    )
    return change, ids["kind"]
