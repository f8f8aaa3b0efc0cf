"""An individual number in a FHIR export is cut however the export writes its letters."""

import json
from pathlib import Path

import pytest

from connectors.testing import SourceProbe, read_away

NUMBER = "123456789018"
FHIR = '[transport]\nkind = "fhir"\npath = "drop"\n'


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("written", [NUMBER, "１２３４５６７８９０１８", "1234-5678-9018", f"090-1234-5678 {NUMBER}"])
def test_a_number_in_free_text_is_cut(tmp_path: Path, written: str, escaped: bool) -> None:
    probe = SourceProbe(tmp_path, "child_support_fhir", transport=FHIR)
    folder = probe.folder / "20261101"
    folder.mkdir()
    patient = {"resourceType": "Patient", "id": "p1", "name": [{"text": "笹川 莉子"}], "birthDate": "2016-12-25"}
    encounter = {"resourceType": "Encounter", "subject": {"reference": "Patient/p1"}}
    encounter["reasonCode"] = [{"text": f"番号{written}です"}]
    for resource in (patient, encounter):
        text = json.dumps(resource, ensure_ascii=escaped) + "\n"
        (folder / f"{resource['resourceType']}.ndjson").write_text(text, "utf-8")
    (delivery,) = probe.deliveries()
    rows, _ = read_away(delivery, 1)
    (note,) = [concept["text"] for concept in json.loads(rows[0][1][1])["encounters"][0]["reasonCode"]]
    assert (
        note == f"番号{written.replace(NUMBER, '［番号削除］')}です" if NUMBER in written else "番号［番号削除］です"
    )
    (draft,) = probe.only().drafts
    assert draft.cut_tokens == 1
