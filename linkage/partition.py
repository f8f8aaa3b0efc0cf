"""Persons: from what changed to stable ids with lineage (名寄せ).

``link`` may be called again and again and after any crash: it looks at touched mentions, at living mentions
without a person and at persons that hold dead mentions, scores what those can reach, and replaces the partition
there. Reading the tokens still costs the base; scoring and writing follow the delta.
"""

import time
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from sqlalchemy import Engine, select

from linkage.blocking import Blocks, block_rows, build_blocks, candidate_pairs
from linkage.clustering import Partition, cluster
from linkage.edges import judge
from linkage.evidence import Evidence, read_evidence, read_frame
from linkage.identity import renew, resolve_retired
from linkage.scoring import Model, packaged_model, score_pairs
from linkage.writing import mark_touched, next_person_id, write_edges, write_persons
from schemas.tables import person, person_mention, touched

_FULL_SHARE = 0.3
"""From this share of mentions on, everything is scored in one go instead of growing a frontier."""


@dataclass(frozen=True)
class LinkReport:
    """What a linkage run saw and did; counts only."""

    mentions: int
    examined: int
    pairs: int
    linked: int
    review: int
    refused: int
    persons: int
    minted: int
    retired: int
    moved: int
    oversized_blocks: int
    model: str
    seconds: float


def link(engine: Engine, run_id: str) -> LinkReport:
    """Bring persons up to date with the mentions. Returns counts."""
    begun = time.perf_counter()
    model = packaged_model()
    evidence = read_evidence(engine)
    with engine.connect() as connection:
        stored = read_frame(connection, select(person_mention.c.mention_id, person_mention.c.person_id))
        persons = read_frame(connection, select(person.c.person_id, person.c.retired_to))
        changed = read_frame(connection, select(touched.c.mention_id))
        next_id = next_person_id(connection)
    nodes = evidence.mentions.select("mention_id", "node")
    held = resolve_retired(stored, persons).join(nodes, on="mention_id", how="left")
    frontier = _frontier(evidence, held, changed)
    blocks = build_blocks(block_rows(evidence), model.block_limit) if frontier.len() else Blocks.none()
    edges, scope = _reach(evidence, blocks, frontier, held, model)
    found = cluster(evidence, edges, model)
    renewal = renew(found.labels, nodes, scope, held, next_id)
    outcome = _outcomes(edges, found)
    mark_touched(engine, renewal.affected)
    write_persons(engine, run_id, renewal)
    ids = evidence.mentions["mention_id"]
    write_edges(engine, _by_mention(outcome, ids), ids.gather(scope), renewal.gone)
    counts = dict(outcome["outcome"].value_counts().iter_rows())
    return LinkReport(
        mentions=evidence.mentions.height,
        examined=scope.len(),
        pairs=edges.height,
        linked=edges.filter("linked").height,
        review=counts.get("review", 0),
        refused=counts.get("refused", 0),
        persons=renewal.persons,
        minted=renewal.minted.len(),
        retired=renewal.retired.height,
        moved=renewal.moves.height,
        oversized_blocks=blocks.oversized,
        model=model.version,
        seconds=time.perf_counter() - begun,
    )


def _frontier(evidence: Evidence, held: pl.DataFrame, changed: pl.DataFrame) -> pl.Series:
    """Nodes to look at: touched, without a person, or companions of such and of dead mentions."""
    mentions = evidence.mentions.select("node", "mention_id")
    fresh = mentions.join(held, on="mention_id", how="anti")
    moved = mentions.join(changed, on="mention_id", how="semi")
    unsettled = pl.concat(
        [
            held.filter(pl.col("node").is_null())["person_id"],
            held.join(moved, on="mention_id", how="semi")["person_id"],
        ],
    ).unique()
    company = held.filter(pl.col("person_id").is_in(unsettled.implode()))["node"].drop_nulls()
    return pl.concat([fresh["node"], moved["node"], company]).unique().sort()


def _reach(
    evidence: Evidence, blocks: Blocks, frontier: pl.Series, held: pl.DataFrame, model: Model
) -> tuple[pl.DataFrame, pl.Series]:
    """Score what the frontier reaches through accepted pairs, until nothing is new. Returns pairs and nodes."""
    nodes = evidence.mentions["node"]
    if frontier.len() > nodes.len() * _FULL_SHARE:
        return judge(evidence, score_pairs(evidence, candidate_pairs(blocks, None), model), model), nodes
    known = judge(evidence, score_pairs(evidence, pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64}), model), model)
    seen = frontier
    while frontier.len():
        pairs = candidate_pairs(blocks, frontier).join(known, on=["a", "b"], how="anti")
        fresh = judge(evidence, score_pairs(evidence, pairs, model), model)
        known = pl.concat([known, fresh])
        ends = fresh.filter("linked")
        ends_nodes = pl.concat([ends["a"], ends["b"]]).unique()
        persons = held.filter(pl.col("node").is_in(ends_nodes.implode()))["person_id"].unique()
        company = held.filter(pl.col("person_id").is_in(persons.implode()))["node"].drop_nulls()
        frontier = pl.concat([ends_nodes, company]).unique()
        frontier = frontier.filter(~frontier.is_in(seen.implode()))
        seen = pl.concat([seen, frontier])
    return known.sort("a", "b"), seen.sort()


def _outcomes(edges: pl.DataFrame, found: Partition) -> pl.DataFrame:
    """Return the pairs worth keeping, with what became of them.

    ``linked``: the strongest pairs that hold each person together, one fewer than mentions; ``review``: left to
    people; ``refused``: would bind alone but breaks a constraint. Any other pair is scored anew when asked for.
    """
    unsure = pl.DataFrame(sorted(found.ambiguous), schema={"a": pl.Int64, "b": pl.Int64}, orient="row")
    one = found.labels[edges["a"].to_numpy()] == found.labels[edges["b"].to_numpy()]
    pairs = edges.with_columns(one=pl.Series(one, dtype=pl.Boolean)).join(
        unsure.with_columns(unsure=pl.lit(value=True)), on=["a", "b"], how="left", maintain_order="left"
    )
    outcome = (
        pl.when(pl.col("one"))
        .then(pl.when("linked").then(pl.lit("linked")))
        .when(pl.col("unsure").fill_null(value=False) | pl.col("doubtful"))
        .then(pl.lit("review"))
        .when(pl.col("linked"))
        .then(pl.lit("refused"))
    )
    pairs = pairs.with_columns(outcome=outcome).drop_nulls("outcome")
    kept = _spanning(pairs.filter(pl.col("outcome") == "linked"), len(found.labels))
    return pl.concat([kept, pairs.filter(pl.col("outcome") != "linked")]).select(
        "a",
        "b",
        kind=pl.when("strong").then(pl.lit("strong")).otherwise(pl.lit("scored")),
        weight=(pl.col("weight") * 1000).round().cast(pl.Int64),
        outcome="outcome",
    )


def _spanning(linked: pl.DataFrame, size: int) -> pl.DataFrame:
    """Keep a maximum spanning forest of the accepted pairs."""
    if not linked.height:
        return linked
    a, b = linked["a"].to_numpy(), linked["b"].to_numpy()
    cost = 1000 - linked["weight"].to_numpy()  # positive: a zero would be no pair at all
    tree = minimum_spanning_tree(coo_matrix((cost, (a, b)), shape=(size, size)).tocsr()).tocoo()
    forest = pl.DataFrame({"a": tree.row.astype(np.int64), "b": tree.col.astype(np.int64)})
    return linked.join(forest, on=["a", "b"], how="semi")


def _by_mention(outcome: pl.DataFrame, mention_ids: pl.Series) -> pl.DataFrame:
    """Name pairs by mention id, the smaller first."""
    left, right = mention_ids.gather(outcome["a"]), mention_ids.gather(outcome["b"])
    return outcome.with_columns(left=left, right=right).select(
        pl.min_horizontal("left", "right").alias("a"),
        pl.max_horizontal("left", "right").alias("b"),
        "kind",
        "weight",
        "outcome",
    )
