"""What each scored pair is: linked, left to people, or contradicted."""

import numpy as np
import polars as pl

from linkage.clustering import may_be_one
from linkage.evidence import Evidence
from linkage.patterns import Held
from linkage.scoring import Model, level_names

_NAME, _BIRTH = level_names("name"), level_names("birth")


def judge(evidence: Evidence, scored: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Add to scored pairs: ``strong`` (one shared number), ``weight``, ``linked``, ``cannot``, ``doubtful``.

    A shared number does not bind where name and birth date speak against it: a family member's number on a form
    is the commonest wrong link there is. A score alone never binds without evidence in the given name, and
    never against the birth date: twins, namesakes, parents and children of one name stay apart.
    """
    a, b = scored["a"].to_numpy(), scored["b"].to_numpy()
    numbers = Held(evidence.identifiers.select("node", "number"), evidence.mentions.height)
    pairs = scored.with_columns(
        shares=pl.Series(numbers.meet(a, b), dtype=pl.Boolean),
        one_record=pl.Series(_one_record(evidence, a, b), dtype=pl.Boolean),
    )
    name, birth, shares, one_record = pl.col("name"), pl.col("birth"), pl.col("shares"), pl.col("one_record")
    name_speaks = name <= _NAME.index("given")
    name_against = name.is_in([_NAME.index("family"), _NAME.index("else")])
    birth_speaks = birth <= _BIRTH.index("month")
    birth_against = birth == _BIRTH.index("else")
    bound = shares & ~one_record & ~(name_against & ~birth_speaks) & ~(birth_against & ~name_speaks)
    scores = name_speaks & ~birth_against & ~one_record
    return pairs.select(
        "a",
        "b",
        pl.when(bound).then(model.strong_bits + pl.col("bits").clip(0, 20)).otherwise("bits").alias("weight"),
        bound.alias("strong"),
        (bound | (scores & (pl.col("bits") >= model.link_bits))).alias("linked"),
        (~bound & (name_against | one_record)).alias("cannot"),
        (
            ~bound
            & ~one_record
            & (shares | (scores & (pl.col("bits") >= model.review_bits) & (pl.col("bits") < model.link_bits)))
        ).alias("doubtful"),
    )


def _one_record(evidence: Evidence, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Tell which pairs stand in one record in roles of two persons."""
    records = evidence.mentions["record_id"].to_numpy()
    found = records[a] == records[b]
    beside = np.flatnonzero(found)
    roles = evidence.mentions["role"]
    pairs = zip(roles.gather(a[beside]).to_list(), roles.gather(b[beside]).to_list(), strict=True)
    allowed = may_be_one()
    found[beside] = [frozenset(pair) not in allowed for pair in pairs]
    return np.asarray(found)
