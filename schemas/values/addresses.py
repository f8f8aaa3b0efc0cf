"""Addresses as delivered and in parts (市区町村コード, 町字, 番地号, 方書)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """One address. ``text`` is the delivered string; the parts are empty where they could not be told apart."""

    text: str
    kind: str = "current"
    """current, past, registered, facility, away."""
    postcode: str = ""
    city_code: str = ""
    town_code: str = ""
    """町字ID, 7 digits, where delivered."""
    town: str = ""
    """町字 as text up to and including 丁目; stored in clear."""
    lot: str = ""
    """番地号, normalised to digits joined by hyphens."""
    building: str = ""
    """方書 (building and room)."""
