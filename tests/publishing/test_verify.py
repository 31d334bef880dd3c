"""`sightline verify`: one changed byte is one line, and so is a lie whose sums are right."""

import json
import subprocess
import sys

import pytest

from sightline.cli import main
from sightline.errors import SightlineError
from sightline.publishing.sums import write_sums
from sightline.publishing.verify import verify

BARE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "mlflow", "dvc", "prefect", "yaml", "matplotlib"}:
            raise ImportError("refused: " + name)
sys.meta_path.insert(0, Refuse())
from sightline.cli import main
sys.exit(main(["verify", sys.argv[1]]))
"""


def test_verify_says_what_it_checked_without_torch_or_dvc(irnn):
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(irnn.path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "files as SHA256SUMS lists them" in done.stdout
    assert "bars-irnn of commit " in done.stdout
    assert "4 sets of test vectors" in done.stdout


@pytest.mark.faults
def test_one_changed_byte_in_any_file_is_refused_by_its_name(irnn):
    files = [path for path in irnn.path.rglob("*") if path.is_file()]
    assert {irnn.onnx, irnn.card, irnn.sums, irnn.sbom} < set(files)
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(SightlineError) as raised:
            verify(irnn.path)
        if path != irnn.sums:
            assert str(path) in str(raised.value)
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    verify(irnn.path)


@pytest.mark.faults
def test_a_missing_and_an_extra_file_are_named(cnn):
    vector = cnn.path / "test_data_set_1" / "output_0.pb"
    content = vector.read_bytes()
    vector.unlink()
    with pytest.raises(SightlineError, match=r"output_0\.pb is missing"):
        verify(cnn.path)
    vector.write_bytes(content)
    (cnn.path / "install.py").write_text("print('mine')")
    with pytest.raises(SightlineError, match=r"install\.py does not stand in SHA256SUMS"):
        verify(cnn.path)


def test_what_hubs_add_is_let_through(cnn):
    (cnn.path / ".gitattributes").write_text("*.onnx filter=lfs\n")
    (cnn.path / ".git").mkdir()
    (cnn.path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    verify(cnn.path)


@pytest.mark.faults
def test_truncated_vectors_with_the_right_sums_are_named(cnn):
    path = cnn.path / "test_data_set_0" / "output_0.pb"
    path.write_bytes(path.read_bytes()[:-5])
    write_sums(cnn)
    with pytest.raises(SightlineError, match=r"output_0\.pb: no tensor can be read"):
        verify(cnn.path)


@pytest.mark.faults
def test_vectors_of_another_model_with_the_right_sums_are_refused(cnn, irnn):
    vectors, others = (files.path / "test_data_set_0" for files in (cnn, irnn))
    for path in vectors.iterdir():
        path.write_bytes((others / path.name).read_bytes())
    write_sums(cnn)
    with pytest.raises(SightlineError, match="the vectors are of another model"):
        verify(cnn.path)


@pytest.mark.faults
def test_without_vectors_a_folder_is_refused(cnn):
    for path in cnn.path.glob("test_data_set_*/*"):
        path.unlink()
    for path in cnn.path.glob("test_data_set_*"):
        path.rmdir()
    write_sums(cnn)
    with pytest.raises(SightlineError, match="no test_data_set_0"):
        verify(cnn.path)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("README.md", b"value: ", b"value: 1", "its front-matter is not what model.onnx says"),
        ("README.md", b"## Limits", b"## Limit", "the model files of .* are not what its entry"),
        ("labels.json", b"bar 1", b"bar 7", "not the classes that model.onnx says it has"),
        ("sbom.cdx.json", b'"numpy"', b'"nunpy"', "was changed: its serial number is another's"),
        ("provenance.json", b'"again"', b'"agian"', "it lacks again"),
        ("provenance.json", b'"bars-cnn"', b'"bars-irnn"', "the model files of .* are not what"),
    ],
)
def test_a_lie_with_the_right_sums_is_refused(cnn, name, old, new, message):
    path = cnn.path / name
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    write_sums(cnn)
    with pytest.raises(SightlineError, match=message):
        verify(cnn.path)


@pytest.mark.faults
def test_a_folder_that_is_none_is_a_line(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "none")]) == 1
    assert main(["verify", str(tmp_path)]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("none: no such folder")
    assert "no SHA256SUMS: not what `sightline publish` wrote" in second


@pytest.mark.faults
def test_sums_that_are_damaged_are_a_line(cnn):
    cnn.sums.write_bytes(b"\xff\x00")
    with pytest.raises(SightlineError, match="SHA256SUMS is damaged"):
        verify(cnn.path)
    cnn.sums.write_text(json.dumps([]))
    with pytest.raises(SightlineError, match="SHA256SUMS is damaged"):
        verify(cnn.path)
