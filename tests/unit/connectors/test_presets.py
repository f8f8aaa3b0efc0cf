from pathlib import Path

import pytest

from connectors import presets
from connectors.sources import load_source
from schemas.errors import ConfigurationError
from schemas.source import SourceDefinition

LEGAL = """
[legal]
controller = "結市長"
purpose = "相談支援"
holding = "社会福祉法106条の4"
linking = "個人情報保護法69条2項2号"
register = "R8-1"
"""


def site(preset: str) -> str:
    return f'id = "probe"\npreset = "{preset}"\nagency = "desk"\n[transport]\nkind = "files"\npath = "x"\n' + LEGAL


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_is_a_valid_definition(name: str, tmp_path: Path) -> None:
    path = tmp_path / "probe.toml"
    path.write_text(site(name), "utf-8")
    definition = load_source(path)
    assert isinstance(definition, SourceDefinition)
    assert definition.column_names == presets.columns(name)
    assert all("provenance" in column for column in presets.table(name)["column"])


def test_the_ledger_has_the_122_columns_of_the_export() -> None:
    assert len(set(presets.columns("resident_ledger"))) == 122


def test_nothing_official_without_a_named_specification() -> None:
    for name in presets.names():
        table = presets.table(name)
        if any(column["provenance"] == "official" for column in table["column"]):
            assert (
                "assumed" in table["spec"]
                or "official" in table["spec"]
                or "仕様書" in table["spec"]
                or "R4" in table["spec"]
            )


def test_a_source_without_legal_footing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "probe.toml"
    path.write_text(site("desk_intake").replace(LEGAL, ""), "utf-8")
    with pytest.raises(ConfigurationError, match="legal"):
        load_source(path)


def test_a_typo_names_the_nearest_key(tmp_path: Path) -> None:
    path = tmp_path / "probe.toml"
    path.write_text('cadense = "daily"\n' + site("desk_intake"), "utf-8")
    with pytest.raises(ConfigurationError, match="did you mean cadence"):
        load_source(path)
