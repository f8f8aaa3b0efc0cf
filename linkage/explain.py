"""Why two mentions are one person, or are not, from tokens alone: no identity is opened to explain a link."""

from dataclasses import dataclass
from math import log2

import polars as pl
from sqlalchemy import Engine, select

from linkage.clustering import may_be_one
from linkage.edges import judge
from linkage.evidence import Evidence, read_evidence
from linkage.levels import recall
from linkage.normalise import VERSION
from linkage.scoring import CONDITIONS, Model, Scorer, level_names, packaged_model
from schemas.tables import link_edge, person_mention

LEVELS_JA = {
    "spelling": "氏名の表記が同じ",
    "loose": "氏名の表記が異体字の範囲で同じ",
    "reading_alone": "フリガナが同じ（表記は一方のみ）",
    "reading": "フリガナが同じ、表記は異なる",
    "given_alone": "名が同じ（氏は一方のみ）",
    "given": "名が同じ、氏は異なる",
    "family": "氏のみ同じ",
    "day": "生年月日が同じ",
    "month": "生年月が同じ（日は一方のみ）",
    "one_part_off": "生年月日の一部が異なる",
    "same": "同じ",
    "dwelling": "住居が同じ",
    "lot": "番地が同じ",
    "company": "同じ記録の他の人の住所と同じ",
    "given_at_home": "同じ番地で名が同じ",
    "else": "異なる",
    "null": "比べられない",
}
"""What each level of a comparison says, for a worker at the desk."""


@dataclass(frozen=True)
class Reason:
    """One comparison: the level reached, what it says in Japanese, and its weight in bits of odds."""

    comparison: str
    level: str
    said: str
    bits: float


@dataclass(frozen=True)
class Explanation:
    """Why or why not. ``outcome``: one_person, review, refused or apart; ``rule`` names what decided.

    Rules: shared_number, score, contradiction (by name), one_record, below_threshold. A pair that its rule would bind
    and that is yet not one person was kept apart by a constraint on the two persons.
    """

    outcome: str
    rule: str
    bits: float
    reasons: tuple[Reason, ...]
    model: str
    normaliser: str


def explain(engine: Engine, first: int, second: int) -> Explanation | None:
    """Explain two mentions by id; None when either is not living."""
    model, evidence = packaged_model(), read_evidence(engine, [first, second])
    found = dict(
        evidence.mentions.filter(pl.col("mention_id").is_in([first, second])).select("mention_id", "node").iter_rows()
    )
    if len(found) < 2:
        return None
    a, b = sorted(found.values())
    with engine.connect() as connection:
        scorer = Scorer(model, recall(connection, model))
    scored = scorer.score(evidence, pl.DataFrame({"a": [a], "b": [b]}))
    [row] = scored.to_dicts()
    [verdict] = judge(evidence, scored, model).to_dicts()
    with engine.connect() as connection:
        persons = connection.execute(
            select(person_mention.c.person_id).where(person_mention.c.mention_id.in_([first, second])).distinct()
        ).all()
        kept = connection.execute(
            select(link_edge.c.outcome).where(
                link_edge.c.a == min(first, second), link_edge.c.b == max(first, second)
            )
        ).scalar()
    return Explanation(
        outcome="one_person" if len(persons) == 1 else kept if kept in {"review", "refused"} else "apart",
        rule=_rule(evidence, a, b, verdict),
        bits=row["bits"],
        reasons=tuple(_reason(model, name, row[name]) for name in CONDITIONS),
        model=model.version,
        normaliser=VERSION,
    )


def _reason(model: Model, comparison: str, level: int) -> Reason:
    name = level_names(comparison)[level]
    m, u = model.comparisons[comparison].get(name, (1.0, 1.0))
    return Reason(comparison, name, LEVELS_JA[name], log2(m / u))


def _rule(evidence: Evidence, a: int, b: int, verdict: dict[str, object]) -> str:
    rows = evidence.mentions.filter(pl.col("node").is_in([a, b])).select("record_id", "role").rows()
    if rows[0][0] == rows[1][0] and frozenset((rows[0][1], rows[1][1])) not in may_be_one():
        return "one_record"
    if verdict["strong"]:
        return "shared_number"
    if verdict["linked"]:
        return "score"
    return "contradiction" if verdict["cannot"] else "below_threshold"
