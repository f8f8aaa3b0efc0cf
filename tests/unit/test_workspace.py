import pytest

from schemas.errors import ConfigurationError
from schemas.workspace import Workspace


def test_a_misspelt_key_is_named_with_file_line_and_nearest_key(tmp_path):
    (tmp_path / "musubi.toml").write_text('[site]\nname = "a"\nmunicipality_kode = "131016"\n', "utf-8")
    with pytest.raises(ConfigurationError) as error:
        Workspace.open(tmp_path)
    assert "musubi.toml:3: site.municipality_kode: unknown key; did you mean municipality_code?" in str(error.value)


def test_staff_must_belong_to_a_known_agency(tmp_path):
    (tmp_path / "musubi.toml").write_text('[site]\nname = "a"\nmunicipality_code = "131016"\n', "utf-8")
    (tmp_path / "agencies.toml").write_text('[[staff]]\nid = "w1"\nagency = "nowhere"\nrole = "steward"\n', "utf-8")
    with pytest.raises(ConfigurationError, match="unknown agency nowhere"):
        Workspace.open(tmp_path)


def test_a_missing_unlock_secret_stops_with_the_key_name(tmp_path):
    (tmp_path / "musubi.toml").write_text(
        '[site]\nname = "a"\nmunicipality_code = "131016"\n[keys]\nunlock = "env:MUSUBI_NOT_SET"\n', "utf-8"
    )
    with pytest.raises(ConfigurationError, match=r"keys\.unlock"):
        Workspace.open(tmp_path).unlock_secret()
