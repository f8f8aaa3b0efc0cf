"""How much two mentions speak for one person: Splink over prepared tokens, with frozen weights.

Splink scores; blocking, clustering and ids are ours. DuckDB works in memory only: without a temporary
directory it cannot spill to disk. Nothing is trained here.
"""

import json
import logging
from dataclasses import dataclass
from functools import lru_cache
from math import log2
from typing import Any

import numpy as np
import polars as pl

from linkage.evidence import Evidence
from linkage.model import model_text
from linkage.patterns import ALIAS_KINDS, COMPARED, part, patterns


@dataclass(frozen=True)
class Model:
    """Frozen weights and thresholds (``model/weights.json``); bits are log2 of the odds."""

    version: str
    prior: float
    link_bits: float
    review_bits: float
    margin_bits: float
    strong_bits: float
    block_limit: int
    comparisons: dict[str, dict[str, tuple[float, float]]]


@lru_cache(1)
def packaged_model() -> Model:
    """Return the model that ships with this version."""
    data = json.loads(model_text("weights.json"))
    del data["provenance"]
    return Model(**data)


def _same(kind: str) -> str:
    equal = f"{kind}_l = {kind}_r"
    if kind not in ALIAS_KINDS:
        return f"({equal})"
    more = f"{kind}_more"
    return (
        f"({equal} OR list_contains({more}_l, {kind}_r) OR list_contains({more}_r, {kind}_l)"
        f" OR list_has_any({more}_l, {more}_r))"
    )


_COMPANY = (
    "(list_contains(company_l, town_lot_r) OR list_contains(company_r, town_lot_l)"
    " OR list_has_any(company_l, company_r))"
)


def _missing(kind: str) -> str:
    return f"({kind}_l IS NULL OR {kind}_r IS NULL)"


CONDITIONS: dict[str, tuple[str, dict[str, str]]] = {
    "name": (
        " AND ".join(_missing(kind) for kind in ("name_folded", "kana_full", "given_folded", "kana_given")),
        {
            "spelling": _same("name_folded"),
            "loose": f"{_same('name_loose')} OR ({_same('name_bag')} AND {_missing('kana_full')})",
            "reading_alone": f"{_same('kana_full')} AND {_missing('name_folded')}",
            "reading": _same("kana_full"),
            "given_alone": f"({_same('given_folded')} OR {_same('kana_given')}) AND {_missing('family_folded')}",
            "given": f"{_same('given_folded')} OR {_same('kana_given')}",
            "family": f"{_same('family_folded')} OR {_same('kana_family')}",
        },
    ),
    "birth": (
        f"{_missing('birth_ym')} AND ({_missing('birth_year')} OR abs(birth_year_l - birth_year_r) <= 1)",
        {
            "day": _same("birth_date"),
            "month": f"{_same('birth_ym')} AND {_missing('birth_date')}",
            "one_part_off": f"{_same('birth_ym')} OR {_same('birth_md')} OR {_same('birth_yd')}",
        },
    ),
    "sex": (_missing("sex"), {"same": _same("sex")}),
    "place": (
        f"{_missing('town_lot')} AND NOT coalesce({_COMPANY}, false)",
        {"dwelling": _same("dwelling"), "lot": _same("town_lot"), "company": _COMPANY},
    ),
    "home": (
        f"NOT coalesce(({_same('given_folded')} OR {_same('kana_given')}) AND {_same('town_lot')}, false)",
        {"given_at_home": f"{_same('given_folded')} OR {_same('kana_given')}"},
    ),
    "phone": (_missing("phone"), {"same": _same("phone")}),
    "household": (_missing("household_no"), {"same": _same("household_no")}),
}
"""Per comparison: when it says nothing, then its levels from strong to weak; what is left contradicts."""


def splink_settings(model: Model) -> dict[str, Any]:
    """Return the model in Splink's own saved form."""
    comparisons = []
    for name, (null, levels) in CONDITIONS.items():
        weights = model.comparisons[name]
        rows: list[dict[str, Any]] = [{"sql_condition": null, "label_for_charts": "null", "is_null_level": True}]
        for label, condition in [*levels.items(), ("else", "ELSE")]:
            m, u = weights[label]
            rows.append(
                {"sql_condition": condition, "label_for_charts": label, "m_probability": m, "u_probability": u},
            )
        comparisons.append({"output_column_name": name, "comparison_levels": rows})
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "node",
        "probability_two_random_records_match": model.prior,
        "blocking_rules_to_generate_predictions": [],
        "comparisons": comparisons,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
    }


PARTS = {name: part(" ".join((null, *levels.values()))) for name, (null, levels) in CONDITIONS.items()}
"""Per comparison: the bits of a pattern it depends on."""
Known = dict[str, dict[int, int]]
"""Per comparison: its level (see ``level_names``) by those bits."""


class Scorer:
    """Scores pairs; asks Splink for the level of what no pair showed before."""

    def __init__(self, model: Model, known: Known | None = None) -> None:
        self.model = model
        self.known = known or {name: {} for name in CONDITIONS}
        self.learnt = False
        """Whether Splink was asked."""

    def score(self, evidence: Evidence, pairs: pl.DataFrame) -> pl.DataFrame:
        """Score pairs (a, b): adds bits, and per comparison the level reached (see ``level_names``)."""
        found = patterns(evidence, pairs["a"].to_numpy(), pairs["b"].to_numpy())
        order = np.argsort(found)
        ordered = found[order]
        first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
        asked = ordered[first].tolist()
        levels = self._levels(asked)
        fresh = np.flatnonzero((levels < 0).any(axis=1))
        if len(fresh):
            self._learn(
                [asked[row] for row in fresh], splink_levels(evidence, pairs[order[first[fresh]]], self.model)
            )
            levels = self._levels(asked)
        bits = np.full(len(asked), log2(self.model.prior / (1 - self.model.prior)))
        for number, name in enumerate(CONDITIONS):
            bits += np.asarray(level_bits(self.model, name))[levels[:, number]]
        scores = pl.DataFrame({"bits": bits, **{name: levels[:, number] for number, name in enumerate(CONDITIONS)}})
        at = np.empty(len(order), np.int64)
        at[order] = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(order))))
        return pl.concat([pairs.select("a", "b"), scores[at]], how="horizontal")

    def _levels(self, asked: list[int]) -> np.ndarray:
        """Give the levels of patterns, one column per comparison; -1 is not known."""
        told = [[self.known[name].get(one & bits, -1) for name, bits in PARTS.items()] for one in asked]
        return np.array(told, np.int8).reshape(len(asked), len(PARTS))

    def _learn(self, asked: list[int], told: pl.DataFrame) -> None:
        for name, bits in PARTS.items():
            self.known[name].update(zip((one & bits for one in asked), told[name].to_list(), strict=True))
        self.learnt = True


def splink_levels(evidence: Evidence, pairs: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Let Splink score pairs: per comparison the level reached, one row for each pair in their order."""
    import duckdb
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    mentions = _prepared(evidence, pl.concat([pairs["a"], pairs["b"]]).unique())
    blocked = pairs.select(pl.lit("0").alias("match_key"), join_key_l="a", join_key_r="b").to_arrow()
    connection = duckdb.connect(":memory:", config={"temp_directory": "", "autoinstall_known_extensions": False})
    try:
        api = DuckDBAPI(connection)
        linker = Linker(
            api.register(mentions.to_arrow(), dataset_display_name="mentions"), splink_settings(model), log_level=None
        )
        linker.table_management.register_blocked_pairs_for_predict(
            api.register(blocked, dataset_display_name="blocked"),
        )
        scored = linker.inference.predict(warning_mode="never")
        relation = scored.as_duckdbpyrelation()
        columns = ("node_l AS a", "node_r AS b", *(f"mw_{name}" for name in CONDITIONS))
        result = pl.from_arrow(relation.select(", ".join(columns)).to_arrow_table())
    finally:
        connection.close()
    assert isinstance(result, pl.DataFrame)  # noqa: S101  # a relation is a table
    found = pairs.select("a", "b").join(result, on=["a", "b"], how="left", maintain_order="left")
    return found.select(*(_level(found[f"mw_{name}"], model, name) for name in CONDITIONS))


def _prepared(evidence: Evidence, nodes: pl.Series) -> pl.DataFrame:
    mine = pl.col("node").is_in(nodes.implode())
    frame = evidence.mentions.filter(mine).select("node", "birth_year", *COMPARED)
    further = evidence.aliases.filter(mine)
    for kind in ALIAS_KINDS:
        tokens = further.filter(pl.col("kind") == kind).group_by("node").agg(pl.col("token").alias(f"{kind}_more"))
        frame = frame.join(tokens, on="node", how="left", maintain_order="left")
    company = evidence.company.filter(mine).group_by("node").agg(pl.col("token").alias("company"))
    return frame.join(company, on="node", how="left", maintain_order="left")


def level_names(comparison: str) -> tuple[str, ...]:
    """Return the levels of a comparison, strong to weak; ``else`` contradicts and ``null`` says nothing."""
    return (*CONDITIONS[comparison][1], "else", "null")


def level_bits(model: Model, comparison: str) -> list[float]:
    """Return what each level adds to a score, in the order of ``level_names``."""
    return [
        log2(m / u) for m, u in (model.comparisons[comparison][name] for name in level_names(comparison)[:-1])
    ] + [0]


def _level(weights: pl.Series, model: Model, comparison: str) -> pl.Series:
    """Tell from a match weight which level gave it; the model gives every level its own weight."""
    known = level_bits(model, comparison)
    order = np.argsort(known)
    ranked = np.asarray(known)[order]
    nearest = np.searchsorted((ranked[1:] + ranked[:-1]) / 2, weights.to_numpy())
    return pl.Series(comparison, order[nearest].astype(np.int8))
