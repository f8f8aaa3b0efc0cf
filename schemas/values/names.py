"""Names as delivered; keys for comparison are made elsewhere and never replace them."""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class PersonName:
    """One written form of a person's name with its reading (氏名, フリガナ).

    ``kind`` is legal, former (旧氏), alias (通称), roman, or as_written (nobody knows which).
    ``full`` is the string as delivered; ``family``/``given`` are empty where the source does not split.
    """

    full: str
    kind: str = "legal"
    family: str = ""
    given: str = ""
    kana: str = ""
    kana_family: str = ""
    kana_given: str = ""


@lru_cache(maxsize=65536)
def split_name(full: str, kind: str = "legal") -> PersonName:
    """Take a name as delivered; family and given are told apart only where a separator was delivered."""
    parts = full.replace("\u3000", " ").split()
    if len(parts) == 2:
        return PersonName(full.strip(), kind, parts[0], parts[1])
    return PersonName(full.strip(), kind)
