"""Persons: from what changed to stable ids with lineage (名寄せ).

``link`` may be called again and again and after any crash: it looks at touched mentions and the persons they are of,
scores what those can reach, and replaces the partition there. A store without postings, or one of which much is
touched, is looked at as a whole.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from sqlalchemy import Engine

from linkage.blocking import MAKE, candidates, joint_keys, posted_keys
from linkage.clustering import Partition, cluster
from linkage.edges import judge
from linkage.evidence import Evidence, Shelf, read_evidence
from linkage.identity import Renewal, renew, resolve_retired
from linkage.levels import recall, remember
from linkage.neighbours import HELD, RETIRED, Neighbours, touched_and_near
from linkage.postings import Keyed, Postings
from linkage.reading import read_frame
from linkage.scoring import Scorer, packaged_model
from linkage.writing import mark_touched, next_person_id, write_edges, write_persons

_KINDS = pl.Series(["scored", "strong"], dtype=pl.Categorical)
_OUTCOMES = pl.Series(["linked", "refused", "review"], dtype=pl.Categorical)


@dataclass(frozen=True)
class LinkReport:
    """What a linkage run saw and did; counts only."""

    mentions: int
    """Mentions read."""
    examined: int
    """Mentions whose person was looked at anew."""
    pairs: int
    linked: int
    review: int
    refused: int
    persons: int
    """Persons of the mentions examined."""
    minted: int
    retired: int
    moved: int
    oversized_blocks: int
    model: str
    seconds: float


@dataclass(frozen=True)
class Reach:
    """What a run looks at: everything, or what touched mentions reach through accepted pairs."""

    evidence: Evidence
    edges: pl.DataFrame
    """Judged pairs, all that touch the scope."""
    scope: pl.Series
    """Nodes whose person is looked at anew."""
    marked: pl.Series
    """Ids of touched mentions."""
    changed: pl.Series
    """Ids of mentions whose keys may have changed."""
    held: pl.DataFrame
    """mention_id, person_id as they stand, of the scope and of mentions that are gone."""
    retired: pl.DataFrame
    """person_id, retired_to."""
    oversized: int
    near: Neighbours | None
    """None where everything is looked at."""


@dataclass
class Reading:
    """What one step has read and the next need not read again: everything, or some records."""

    evidence: Evidence | None = None
    shelf: Shelf | None = None

    def taken(self) -> tuple[Evidence | None, Shelf | None]:
        """Give what was read and let it go."""
        given = self.evidence, self.shelf
        self.evidence = self.shelf = None
        return given


def link(engine: Engine, run_id: str, read: Reading | None = None) -> LinkReport:
    """Bring persons up to date with the mentions. Returns counts, and what was read in ``read``."""
    begun = time.perf_counter()
    model = packaged_model()
    marked, near = touched_and_near(engine)
    with engine.connect() as connection:
        scorer = Scorer(model, recall(connection, model))
    reach = _everything(engine, marked, scorer) if near is None else _nearby(near, marked, scorer)
    if scorer.learnt:
        remember(engine, model, scorer.known)
    found = cluster(reach.evidence, reach.edges, model)
    ids = reach.evidence.mentions.select("mention_id", "node")
    with engine.connect() as connection:
        next_id = next_person_id(connection)
    held = resolve_retired(reach.held, reach.retired).join(ids, on="mention_id", how="left")
    renewal = renew(found.labels, ids, reach.scope, held, next_id)
    outcome = _by_mention(_outcomes(reach.edges, found), ids["mention_id"])
    seen, linked = reach.edges.height, int(reach.edges["linked"].sum())
    reach = replace(reach, edges=reach.edges.clear())
    touched = pl.concat([renewal.affected, reach.changed])
    mark_touched(engine, touched.filter(~touched.is_in(reach.marked.implode())))
    write_persons(engine, run_id, renewal)
    mine = None if near is None else pl.concat([ids["mention_id"].gather(reach.scope), renewal.gone])
    write_edges(engine, outcome, mine)
    counts = dict(outcome["outcome"].value_counts().iter_rows())
    del outcome
    _post(engine, reach, renewal)
    if read is not None:
        read.evidence, read.shelf = (reach.evidence, None) if near is None else (None, near.shelf)
    return LinkReport(
        mentions=ids.height,
        examined=reach.scope.len(),
        pairs=seen,
        linked=linked,
        review=counts.get("review", 0),
        refused=counts.get("refused", 0),
        persons=renewal.persons["person_id"].n_unique(),
        minted=renewal.minted.len(),
        retired=renewal.retired.height,
        moved=renewal.moves.height,
        oversized_blocks=reach.oversized,
        model=model.version,
        seconds=time.perf_counter() - begun,
    )


def _everything(engine: Engine, marked: pl.Series, scorer: Scorer) -> Reach:
    evidence = read_evidence(engine)
    found = candidates(evidence, scorer.model.block_limit)
    edges = judge(evidence, scorer.score(evidence, found.pairs), scorer.model)
    nodes = evidence.mentions["node"]
    with engine.connect() as connection:
        held, retired = read_frame(connection, HELD), read_frame(connection, RETIRED)
    return Reach(evidence, edges, nodes, marked, marked, held, retired, found.oversized, None)


def _nearby(near: Neighbours, marked: pl.Series, scorer: Scorer) -> Reach:
    """Look at marked mentions and their persons, then at whom these are linked to, until nobody is new."""
    seen = near.add(pl.concat([marked, near.rivals(marked)]))
    # Whose places are no evidence any more, or are again, because of an order: whoever may be the protected person,
    # and who is named beside her and has no place of his own.
    concerned = near.around(
        {rule: keys for rule, (keys, _) in enumerate(joint_keys(near.past(near.ordered(marked))))}
    )
    concerned = near.beside(concerned)
    seen = asked = pl.concat([seen, concerned]).unique()
    while True:
        near.around(_keys(near.evidence(), asked))
        evidence = near.evidence()
        ids = evidence.mentions["mention_id"]
        inside = ids.is_in(seen.implode())
        found = candidates(evidence, scorer.model.block_limit, inside.to_numpy())
        edges = judge(evidence, scorer.score(evidence, found.pairs), scorer.model)
        ends = edges.filter("linked")
        reached = ids.gather(pl.concat([ends["a"], ends["b"]]).unique())
        asked = near.add(reached.filter(~reached.is_in(seen.implode())))
        asked = asked.filter(~asked.is_in(seen.implode()))
        if not asked.len():
            break
        seen = pl.concat([seen, asked])
    changed = pl.concat([marked, concerned])
    scope = evidence.mentions["node"].filter(inside)
    return Reach(evidence, edges, scope, marked, changed, near.held, near.retired, found.oversized, near)


def _keys(evidence: Evidence, mention_ids: pl.Series) -> Keyed:
    """Give the joint keys of some mentions."""
    mine = evidence.mentions["mention_id"].is_in(mention_ids.implode()).to_numpy()
    return {rule: keys[mine[nodes]] for rule, (keys, nodes) in enumerate(joint_keys(evidence))}


def _post(engine: Engine, reach: Reach, renewal: Renewal) -> None:
    """Let the next run find the persons of changed and moved mentions by their keys."""
    evidence = reach.evidence
    persons = np.zeros(evidence.mentions.height, np.int64)
    persons[renewal.persons["node"]] = renewal.persons["person_id"]
    if reach.near is None:
        every = ((keys, persons[nodes]) for keys, nodes in posted_keys(evidence))
        Postings.build(engine, MAKE, evidence.mentions.height, every)
        return
    ids = pl.concat([reach.changed, renewal.moves["mention_id"]])
    mine = evidence.mentions["mention_id"].is_in(ids.implode()).to_numpy()
    keyed = [(keys[mine[nodes]], persons[nodes[mine[nodes]]]) for keys, nodes in posted_keys(evidence)]
    keys, of = (np.concatenate(parts) for parts in zip(*keyed, strict=True))
    if len(keys):
        reach.near.postings.add(engine, keys, of)


def _outcomes(edges: pl.DataFrame, found: Partition) -> pl.DataFrame:
    """Return the pairs worth keeping, with what became of them.

    ``linked``: the strongest pairs that hold each person together, one fewer than mentions; ``review``: left to
    people; ``refused``: would bind alone but breaks a constraint. Any other pair is scored anew when asked for.
    """
    a, b = edges["a"].to_numpy(), edges["b"].to_numpy()
    linked, doubtful = edges["linked"].to_numpy(), edges["doubtful"].to_numpy()
    one = found.labels[a] == found.labels[b]
    unsure = pl.DataFrame(sorted(found.ambiguous), schema={"a": pl.Int64, "b": pl.Int64}, orient="row")
    apart = np.flatnonzero(~one & (linked | doubtful))
    asked = edges.select("a", "b")[apart].join(unsure.with_columns(unsure=True), on=["a", "b"], how="left")
    review = doubtful[apart] | asked["unsure"].fill_null(value=False).to_numpy()
    kept = _spanning(edges, np.flatnonzero(one & linked), len(found.labels))
    rows = np.concatenate([kept, apart])
    outcome = np.concatenate([np.zeros(len(kept), np.int64), 1 + review])
    return edges[rows].select(
        "a",
        "b",
        kind=_KINDS[edges["strong"].to_numpy()[rows].astype(np.int64)],
        weight=_thousandths(pl.col("weight")),
        outcome=_OUTCOMES[outcome],
    )


def _thousandths(weight: pl.Expr) -> pl.Expr:
    return (weight * 1000).round().cast(pl.Int64)


def _spanning(edges: pl.DataFrame, linked: np.ndarray, size: int) -> np.ndarray:
    """Choose of some rows a maximum spanning forest; of two pairs as strong, the first in node order."""
    if not len(linked):
        return linked
    pairs = edges.select("a", "b", _thousandths(pl.col("weight")))[linked]
    order = np.argsort(-pairs["weight"].to_numpy(), kind="stable")
    rank = np.empty(len(order))
    rank[order] = np.arange(1, len(order) + 1)
    graph = coo_matrix((rank, (pairs["a"].to_numpy(), pairs["b"].to_numpy())), shape=(size, size))
    tree = minimum_spanning_tree(graph.tocsr())
    return np.asarray(linked[np.sort(order[tree.data.astype(np.int64) - 1])])


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
