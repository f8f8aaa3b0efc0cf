"""From what a worker knows to tokens: which kinds of clue a query holds and what they are compared by.

A query needs two kinds of clue or a full name. Tokens are compared for equality, so a clue finds what folds to
the same string: a name exact, variant-folded or loose; a reading whole, by surname or by the surname's first
kana; a birth date whole or by year and month; a town with its lot number; a telephone number.

What equality of tokens leaves visible in the store (residual frequency leakage): how many records share a
name, a reading's first kana, a birth month, an address or a telephone number, but not which.
"""

from dataclasses import dataclass

from desk.refusals import QueryRefused
from desk.views import Query
from linkage.keys import query_keys
from linkage.normalise import folded_kana
from privacy.tokens import TokenMinter
from schemas.tables import SEARCH_KINDS
from schemas.values.addresses import parse_address
from schemas.values.dates import parse_date

CLUES: dict[str, tuple[str, ...]] = {
    "name": ("name_exact", "name_folded", "name_loose"),
    "kana": ("kana_full", "kana_family", "kana_initial"),
    "birth": ("birth_date", "birth_ym"),
    "address": ("town_lot",),
    "phone": ("phone",),
}
"""Kinds of clue → kinds of token, finest first."""

COARSE = frozenset({"kana_initial", "birth_ym"})
"""Kinds that count only where the clue gives nothing finer."""

CLUE_OF = {token_kind: clue for clue, token_kinds in CLUES.items() for token_kind in token_kinds}

LEAST_CLUES = 2
FULL_NAME = 2
"""Characters of a name below which it cannot be a full name (姓 and 名 have one each)."""


@dataclass(frozen=True, slots=True)
class Clue:
    """One kind of clue with the tokens that count as meeting it."""

    kind: str
    tokens: tuple[tuple[int, int], ...]
    """(index in SEARCH_KINDS, token) pairs; meeting any of them meets the clue."""


def clues_of(query: Query, minter: TokenMinter) -> tuple[Clue, ...]:
    """Return the clues of a query; raise QueryRefused where they are too little or unreadable."""
    try:
        birth = parse_date(query.birth) if query.birth else None
    except ValueError:
        raise QueryRefused("unreadable") from None
    if birth is not None and birth.month is None:
        raise QueryRefused("unreadable")
    keys = query_keys(
        name=query.name if len("".join(query.name.split())) >= FULL_NAME else "",
        kana=query.kana,
        birth=birth,
        address=parse_address(query.address) if query.address else None,
        phone=query.phone,
    )
    keys.update(_surname_keys(query.kana))
    clues = [_clue(kind, keys, minter) for kind in CLUES]
    given = tuple(clue for clue in clues if clue is not None)
    if len(given) < LEAST_CLUES and not any(clue.kind == "name" for clue in given):
        raise QueryRefused("too_little")
    return given


def _surname_keys(kana: str) -> dict[str, str]:
    """Read a reading of one word as a surname, one kana as a surname's first."""
    word = folded_kana(kana)
    if not word or len(kana.split()) > 1:
        return {}
    return {"kana_initial": word} if len(word) == 1 else {"kana_family": word}


def _clue(kind: str, keys: dict[str, str], minter: TokenMinter) -> Clue | None:
    """Take every form of a name; a whole date does not also match by month, nor a reading by its first kana."""
    kinds = [token_kind for token_kind in CLUES[kind] if keys.get(token_kind)]
    if kind != "name":
        kinds = [token_kind for token_kind in kinds if token_kind not in COARSE] or kinds
    tokens = tuple((SEARCH_KINDS.index(token_kind), minter.one(token_kind, keys[token_kind])) for token_kind in kinds)
    return Clue(kind, tokens) if tokens else None
