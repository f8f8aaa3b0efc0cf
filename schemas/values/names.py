"""Names as delivered; keys for comparison are made elsewhere and never replace them."""

from dataclasses import dataclass


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
