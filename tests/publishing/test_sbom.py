"""sbom.cdx.json: what is installed, in CycloneDX's form, the same each time."""

import importlib.metadata
import json
import re

import pytest

from sightline.errors import SightlineError
from sightline.inference.session import Session
from sightline.publishing import sbom
from sightline.publishing.sums import write_sums
from sightline.publishing.verify import verify


def test_it_lists_what_is_installed_and_names_the_model(cnn):
    content = json.loads(cnn.sbom.read_text())
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", content["serialNumber"]
    )
    assert content["metadata"]["component"]["name"] == "bars-cnn"
    assert "timestamp" not in content["metadata"]
    versions = {part["name"]: part["version"] for part in content["components"]}
    for name in ("numpy", "onnx", "torch"):
        assert versions[name] == importlib.metadata.version(name)
    references = [part["bom-ref"] for part in content["components"]]
    assert len(references) == len(set(references)) > 50


def test_it_is_valid_by_the_schema_of_cyclonedx(cnn):
    schema = pytest.importorskip("cyclonedx.schema")
    validation = pytest.importorskip("cyclonedx.validation.json")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(cnn.sbom.read_text()) is None


@pytest.mark.faults
def test_one_of_another_model_is_refused(cnn, irnn):
    cnn.sbom.write_bytes(irnn.sbom.read_bytes())
    write_sums(cnn)
    with pytest.raises(SightlineError, match=r"is of another model than model\.onnx"):
        verify(cnn.path)


@pytest.mark.faults
def test_an_environment_that_did_not_export_the_model_is_refused(cnn, tmp_path, monkeypatch):
    """A torch of another version, installed in front of the one that exported."""
    info = tmp_path / "torch-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: torch\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SightlineError, match=r"exported with torch .*, here is 0\.1: run `dvc"):
        sbom.sbom(cnn, Session(cnn.onnx).metadata)
