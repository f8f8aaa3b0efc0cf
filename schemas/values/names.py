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


def split_parts(full: str) -> tuple[str, str]:
    """Give family and given name where a separator was delivered between two parts; else nothing is guessed."""
    parts = full.split()
    return (parts[0], parts[1]) if len(parts) == 2 else ("", "")


def split_name(full: str, kind: str = "legal") -> PersonName:
    """Take a name as delivered; family and given are told apart only where a separator was delivered."""
    return PersonName(full.strip(), kind, *split_parts(full))
