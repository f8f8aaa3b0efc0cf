"""Addresses: Address and the Address of JP Core.

``state`` is 都道府県, ``city`` 郡市区町村, ``line`` the rest without spaces, ``district`` unused, ``text`` has no
postcode. 町字, 番地号 and 方書 stand in the ISO 21090 extensions for precinct, house number and locator.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.fhir.elements import Json, delivered, extension, filled, hl7_value, original_of, plain, value_of
from schemas.fhir.terms import hl7, table
from schemas.values.addresses import Address, parse_address

_POSTCODE = re.compile(r"^\s*〒?\s*[0-9０-９]{3}[-‐−－ー]?[0-9０-９]{4}(?![0-9０-９])\s*")
_PREFECTURE = re.compile(r"^(北海道|東京都|京都府|大阪府|.{2,3}県)")
_CHOME = re.compile(r"[0-9]+丁目$")


def fhir_addresses(addresses: Iterable[Address]) -> list[Json]:
    """Write addresses; ``read_addresses`` is the inverse."""
    return [made for made in map(_fhir_address, addresses) if "text" in made]


def _fhir_address(address: Address) -> Json:
    use = table("address_use").get(address.kind, "")
    kind = address.kind if table("address_kind").get(use) != address.kind else ""
    state, city = _municipality(address)
    digits = re.fullmatch(r"[0-9]{7}", address.postcode)
    line = "".join(f"{address.town}{address.lot}{address.building}".split())
    parts = [*_hl7("house_number", address.lot), *_hl7("locator", address.building)]
    told = [
        *_hl7("precinct", address.town),
        *extension("address-kind", "Code", kind),
        *extension("city-code", "String", address.city_code),
        *extension("town-code", "String", address.town_code),
    ]
    made: Json = filled({"extension": told, "use": use})
    made |= delivered("text", _POSTCODE.sub("", address.text, count=1).strip(), address.text)
    made |= filled({"line": [plain(line)] if plain(line) else []})
    made |= filled({"_line": [{"extension": parts}] if parts and plain(line) else []})
    made |= filled({"city": plain(city), "state": plain(state)})
    made |= filled({"postalCode": f"{address.postcode[:3]}-{address.postcode[3:]}" if digits else address.postcode})
    if digits or state or address.city_code:
        made["country"] = "JP"
    return made


def _hl7(name: str, text: str) -> list[Json]:
    return [{"url": hl7(name), "valueString": plain(text)}] if plain(text) else []


def _municipality(address: Address) -> tuple[str, str]:
    """Tell prefecture and municipality apart where the delivered text says where the town begins."""
    folded = _POSTCODE.sub("", unicodedata.normalize("NFKC", address.text), count=1).strip()
    prefecture = match[0] if (match := _PREFECTURE.match(folded)) else ""
    town = _CHOME.sub("", address.town)
    at = folded.find(town, len(prefecture)) if town else -1
    city = folded[len(prefecture) : at].strip() if at > 0 else ""
    return prefecture, city if city[-1:] in {"市", "区", "町", "村"} else ""


def read_addresses(addresses: Iterable[Mapping[str, Any]]) -> tuple[Address, ...]:
    """Read addresses; what nobody split is parsed."""
    return tuple(found for found in map(_read_address, addresses) if found)


def _read_address(address: Mapping[str, Any]) -> Address | None:
    lines = [line for line in address.get("line", ()) if line]
    joined = "".join((address.get("state", ""), address.get("city", ""), *lines))
    text = original_of(address, "text") or joined
    if not text:
        return None
    kind = value_of(address, "address-kind") or table("address_kind").get(address.get("use", ""), "current")
    postcode = re.sub(r"^([0-9]{3})-([0-9]{4})$", r"\1\2", address.get("postalCode", ""))
    city_code, town_code = value_of(address, "city-code"), value_of(address, "town-code")
    beside: Json = next((more for more in address.get("_line", ()) if more), {})
    town, lot, building = (
        hl7_value(address, "precinct"),
        hl7_value(beside, "house_number"),
        hl7_value(beside, "locator"),
    )
    if town or lot or building:
        return Address(text, kind, postcode, city_code, town_code, town, lot, building)
    return parse_address(text, city_code=city_code, town_code=town_code, postcode=postcode, kind=kind)
