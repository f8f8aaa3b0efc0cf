"""Numbers that name a person or case, each within its issuer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identifier:
    """One number: kind (atena, setai, kaigo, juku, techo, case ...), issuer code, value, validity ISO dates."""

    kind: str
    value: str
    issuer: str = ""
    valid_from: str = ""
    valid_to: str = ""
