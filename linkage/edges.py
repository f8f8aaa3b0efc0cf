"""What each scored pair is: linked, left to people, or contradicted."""

import polars as pl

from linkage.clustering import may_be_one
from linkage.evidence import Evidence
from linkage.scoring import Model, level_names

_NAME, _BIRTH = level_names("name"), level_names("birth")


def judge(evidence: Evidence, scored: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Add to scored pairs: ``strong`` (one shared number), ``weight``, ``linked``, ``cannot``, ``doubtful``.

    A shared number does not bind where name and birth date speak against it: a family member's number on a form
    is the commonest wrong link there is. A score alone never binds without evidence in the given name, and
    never against the birth date: twins, namesakes, parents and children of one name stay apart.
    """
    numbers = evidence.identifiers.select("node", "kind", "issuer", "token")
    sharing = (
        numbers.join(numbers, on=["kind", "issuer", "token"], suffix="_b")
        .filter(pl.col("node") < pl.col("node_b"))
        .select(pl.col("node").alias("a"), pl.col("node_b").alias("b"), pl.lit(value=True).alias("shares"))
        .unique()
    )
    sides = evidence.mentions.select("node", "record_id", "role")
    pairs = (
        scored.join(sharing, on=["a", "b"], how="left", maintain_order="left")
        .join(sides, left_on="a", right_on="node", how="left", maintain_order="left")
        .join(sides, left_on="b", right_on="node", how="left", suffix="_b", maintain_order="left")
    )
    allowed = [sorted(pair) * (3 - len(pair)) for pair in may_be_one()]
    role_pair = pl.concat_str(pl.min_horizontal("role", "role_b"), pl.lit("|"), pl.max_horizontal("role", "role_b"))
    one_record = (pl.col("record_id") == pl.col("record_id_b")) & ~role_pair.is_in(
        ["|".join(pair) for pair in allowed]
    )
    name, birth = pl.col("name"), pl.col("birth")
    name_speaks = name <= _NAME.index("given")
    name_against = name.is_in([_NAME.index("family"), _NAME.index("else")])
    birth_speaks = birth <= _BIRTH.index("month")
    birth_against = birth == _BIRTH.index("else")
    shares = pl.col("shares").fill_null(value=False)
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
