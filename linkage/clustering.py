"""From pairs to persons under constraints (分割): a pure function of mentions, scores and rules.

Components of accepted pairs are persons unless they break a constraint. Only the components that break one are
walked pair by pair, strongest first, ties broken by node order; a union that would break a constraint is
refused. A mention that fits two persons who cannot be one is given to neither when the two fits are close: both
pairs go to review.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from linkage.evidence import Evidence, identifier_kinds
from linkage.model import model_text
from linkage.scoring import Model

Number = tuple[str, str, int]
Span = tuple[str, str]


@lru_cache(1)
def may_be_one() -> frozenset[frozenset[str]]:
    """Return the pairs of roles in which one record may mention one person twice (``model/roles.toml``)."""
    return frozenset(frozenset(pair) for pair in tomllib.loads(model_text("roles.toml"))["may_be_one"])


@dataclass(frozen=True)
class Partition:
    """``labels``: node → cluster (a node number, the least of its cluster). ``ambiguous``: pairs left to people."""

    labels: np.ndarray
    ambiguous: set[tuple[int, int]]


def overlap(one: Span, other: Span) -> bool:
    """Tell whether two half-open spans of ISO dates share a day; an empty bound is open."""
    return (not one[1] or not other[0] or other[0] < one[1]) and (not other[1] or not one[0] or one[0] < other[1])


def number_spans(identifiers: pl.DataFrame) -> pl.DataFrame:
    """Return when each exclusive number was valid, as far as any source states it; else all the time.

    Columns kind, issuer, token, start, end. A ledger states the span, a form that quotes the number does not.
    """
    exclusive = sorted(identifier_kinds().exclusive)
    stated = (pl.col("valid_from") != "") | (pl.col("valid_to") != "")
    end = pl.col("valid_to").filter(stated)
    return (
        identifiers.filter(pl.col("kind").is_in(exclusive))
        .cast({"valid_from": pl.String, "valid_to": pl.String})
        .group_by("kind", "issuer", "token")
        .agg(
            pl.col("valid_from").filter(stated).min().fill_null("").alias("start"),
            pl.when((end == "").any()).then(pl.lit("")).otherwise(end.max()).fill_null("").alias("end"),
        )
    )


def components(size: int, pairs: pl.DataFrame) -> np.ndarray:
    """Label every node with the least node of its component."""
    if not pairs.height:
        return np.arange(size)
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    graph = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(size, size))
    _, found = connected_components(graph, directed=False)
    least = np.empty(found.max() + 1, np.int64)
    least[found[::-1]] = np.arange(size)[::-1]  # the last to be written is the least
    return np.asarray(least[found])


def cluster(evidence: Evidence, edges: pl.DataFrame, model: Model) -> Partition:
    """Partition all nodes. ``edges``: a, b, weight, strong, linked (accepted alone), cannot (contradicted)."""
    size = evidence.mentions.height
    accepted = edges.filter("linked")
    labels = components(size, accepted)
    broken = _broken(evidence, edges, labels)
    ambiguous: set[tuple[int, int]] = set()
    if broken.len():
        walk = _Walk(evidence, edges, labels, broken, model.margin_bits)
        walk.run()
        labels, ambiguous = walk.labels, walk.ambiguous
    return Partition(labels, ambiguous)


def _broken(evidence: Evidence, edges: pl.DataFrame, labels: np.ndarray) -> pl.Series:
    """Labels of components that may break a constraint."""
    together = pl.Series(np.bincount(labels, minlength=len(labels))[labels] > 1)
    label = pl.Series("label", labels)
    numbers = evidence.identifiers.with_columns(label=label.gather(evidence.identifiers["node"]))
    numbers = numbers.filter(
        together.gather(numbers["node"]) & pl.col("kind").is_in(sorted(identifier_kinds().exclusive))
    )
    facts = evidence.mentions.select(label, "record_id", "birth_date").filter(together)
    apart = [
        numbers.group_by("label", "kind", "issuer").agg(two=pl.col("token").min() != pl.col("token").max()),
        facts.group_by("label").agg(two=pl.col("birth_date").min() != pl.col("birth_date").max()),
        facts.group_by("label", "record_id").agg(two=pl.len() > 1),
    ]
    found = [groups.filter("two")["label"] for groups in apart]
    cannot = edges.filter("cannot")
    first, second = labels[cannot["a"].to_numpy()], labels[cannot["b"].to_numpy()]
    found.append(pl.Series(first[first == second], dtype=pl.Int64))
    return pl.concat([part.cast(pl.Int64) for part in found]).unique()


@dataclass
class _Cluster:
    nodes: list[int]
    numbers: dict[tuple[str, str], dict[int, Span]] = field(default_factory=dict)
    births: set[tuple[int | None, ...]] = field(default_factory=set)
    records: dict[int, set[str]] = field(default_factory=dict)


class _Walk:
    """The pair-by-pair walk over the components that break a constraint."""

    def __init__(
        self, evidence: Evidence, edges: pl.DataFrame, labels: np.ndarray, broken: pl.Series, margin: float
    ) -> None:
        self.labels = labels.copy()
        self.ambiguous: set[tuple[int, int]] = set()
        self._margin = margin
        self._foes: dict[int, list[int]] = defaultdict(list)
        self._renamed = set(
            evidence.aliases.filter(pl.col("kind").is_in(["name_folded", "kana_full"]))["node"].to_list()
        )
        node_label = pl.DataFrame({"node": np.arange(len(labels)), "label": labels})
        nodes = node_label.filter(pl.col("label").is_in(broken.implode()))["node"]
        self._clusters = {node: _Cluster([node]) for node in nodes.to_list()}
        self._home = {node: node for node in self._clusters}
        self._load(evidence, nodes)
        inside = pl.col("a").is_in(nodes.implode()) & pl.col("b").is_in(nodes.implode())
        for a, b in edges.filter(pl.col("cannot") & inside).select("a", "b").iter_rows():
            self._foes[a].append(b)
            self._foes[b].append(a)
        self._edges = (
            edges.filter(pl.col("linked") & inside)
            .sort(["strong", "weight", "a", "b"], descending=[True, True, False, False])
            .select("a", "b", "weight", "strong")
        )
        self._near: dict[int, list[tuple[int, float]]] = defaultdict(list)

    def _load(self, evidence: Evidence, nodes: pl.Series) -> None:
        mine = pl.col("node").is_in(nodes.implode())
        columns: list[str] = ["node", "record_id", "role", "birth_date", "birth_ym", "birth_md", "birth_yd"]
        for node, record, role, *birth in evidence.mentions.filter(mine).select(columns).iter_rows():
            one = self._clusters[node]
            one.records[record] = {role}
            if birth[0] is not None:
                one.births.add(tuple(birth))
        held = evidence.identifiers.filter(mine)
        spans = number_spans(evidence.identifiers.join(held, on="number", how="semi"))
        numbers = held.join(spans, on=["kind", "issuer", "token"])
        columns = ["node", "kind", "issuer", "token", "start", "end"]
        for node, kind, issuer, token, start, end in numbers.select(columns).iter_rows():
            self._clusters[node].numbers.setdefault((kind, issuer), {})[token] = (start, end)

    def run(self) -> None:
        rows = self._edges.rows()
        for a, b, weight, _ in rows:
            self._near[a].append((b, weight))
            self._near[b].append((a, weight))
        for a, b, weight, strong in rows:
            one, other = self._home[a], self._home[b]
            if one == other:
                continue
            first, second = self._clusters[one], self._clusters[other]
            if self._conflict(first, second, strong=strong) or (not strong and self._contradicted(first, second)):
                continue
            if not strong and (self._rival(first, second, weight) or self._rival(second, first, weight)):
                self.ambiguous.add((a, b))
                continue
            self._merge(one, other)
        for found in self._clusters.values():
            self.labels[found.nodes] = min(found.nodes)

    def _merge(self, one: int, other: int) -> None:
        if len(self._clusters[one].nodes) < len(self._clusters[other].nodes):
            one, other = other, one
        into, gone = self._clusters[one], self._clusters.pop(other)
        for node in gone.nodes:
            self._home[node] = one
        into.nodes += gone.nodes
        into.births |= gone.births
        for issued, tokens in gone.numbers.items():
            into.numbers.setdefault(issued, {}).update(tokens)
        for record, roles in gone.records.items():
            into.records.setdefault(record, set()).update(roles)

    def _rival(self, lone: _Cluster, chosen: _Cluster, weight: float) -> bool:
        """Tell whether ``lone`` fits a third cluster about as well as ``chosen``, and the two cannot be one."""
        home = {self._home[lone.nodes[0]], self._home[chosen.nodes[0]]}
        thirds = {
            self._home[near]
            for node in lone.nodes
            for near, other_weight in self._near[node]
            if other_weight > weight - self._margin and self._home[near] not in home
        }
        return any(
            self._conflict(self._clusters[third], chosen) and not self._conflict(self._clusters[third], lone)
            for third in thirds
        )

    def _contradicted(self, one: _Cluster, other: _Cluster) -> bool:
        """Tell whether more pairs between two clusters contradict each other by name than speak for one person.

        One pair with a mention that knows both names (旧氏, 通称) outweighs those that know one.
        """
        small, large = (one, other) if len(one.nodes) <= len(other.nodes) else (other, one)
        home = self._home[large.nodes[0]]
        against = sum(self._home.get(foe) == home for node in small.nodes for foe in self._foes[node])
        if not against:
            return False
        speaking = [(node, near) for node in small.nodes for near, _ in self._near[node] if self._home[near] == home]
        return against > len(speaking) and not any(self._renamed.intersection(pair) for pair in speaking)

    @staticmethod
    def _conflict(one: _Cluster, other: _Cluster, *, strong: bool = False) -> bool:
        small, large = (one, other) if len(one.nodes) <= len(other.nodes) else (other, one)
        for issued, tokens in small.numbers.items():
            for token, span in large.numbers.get(issued, {}).items():
                if any(token != mine and overlap(span, own) for mine, own in tokens.items()):
                    return True
        if not _roles_agree(small.records, large.records):
            return True
        if strong:
            return False
        return bool(small.births and large.births) and not any(
            mine == theirs
            for left in small.births
            for right in large.births
            for mine, theirs in zip(left, right, strict=True)
        )


def _roles_agree(one: dict[int, set[str]], other: dict[int, set[str]]) -> bool:
    allowed = may_be_one()
    shared: Iterable[int] = one.keys() & other.keys()
    return all(frozenset((a, b)) in allowed for record in shared for a in one[record] for b in other[record])
