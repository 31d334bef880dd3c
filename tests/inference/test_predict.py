"""Inference: exported files asked without torch, on images of every kind, with clear refusals."""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from exported import trained
from PIL import Image

from sightline.cli import main
from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.export import export
from sightline.inference.session import STRUCTURED, Session
from sightline.layout import Layout

CUDA = "CUDAExecutionProvider"
# what a bare machine lacks that has only `pip install sightline[predict]`
ABSENT = ("torch", "torchvision", "onnx", "onnxscript", "mlflow", "dvc", "prefect")


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Layout:
    made = trained(tmp_path_factory.mktemp("inference"), "cnn", "lstm")
    for name in ("cnn", "lstm"):
        export(name, made)
    return made


@pytest.fixture
def model(layout) -> Path:
    return layout.model("cnn") / "model.onnx"


@pytest.fixture(scope="module")
def bars(layout) -> np.ndarray:
    """One test image of each class, light on dark, 12 x 12."""
    return np.array(load_split(layout.processed("bars"), "test")[0][:3, :, :, 0])


def answers(printed: str) -> dict[str, str]:
    """The likeliest class of each image, by the name of its file."""
    lines = (line.split(": ", 1) for line in printed.splitlines())
    return {Path(path).name: said.rsplit(" ", 1)[0] for path, said in lines}


def expected(model: Path, image: np.ndarray) -> str:
    """The class of pixels that need no preparation, said by onnxruntime alone."""
    session = onnxruntime.InferenceSession(model)
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    logits = session.run(["logits"], {"images": image.reshape(1, 12, 12, 1)})[0]
    return classes[int(logits[0].argmax())]


def test_predict_works_without_torch(model, bars, tmp_path):
    Image.fromarray(bars[0]).save(tmp_path / "bar.png")
    code = (
        "import sys\n"
        f"for name in {ABSENT}: sys.modules[name] = None\n"
        "from sightline.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", str(model), str(tmp_path / "bar.png")],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert answers(done.stdout) == {"bar.png": expected(model, bars[0])}


def test_predict_prints_classes_and_probabilities_best_first(model, bars, tmp_path, capsys):
    Image.fromarray(bars[1]).save(tmp_path / "bar.png")
    assert main(["predict", str(model), str(tmp_path / "bar.png"), "--top", "3"]) == 0
    said = capsys.readouterr().out.strip().removeprefix(f"{tmp_path / 'bar.png'}: ")
    shares = [float(part.rsplit(" ", 1)[1].rstrip("%")) for part in said.split(", ")]
    probabilities = Session(model).run(bars[1].reshape(1, 12, 12, 1))["probabilities"][0]
    assert shares == pytest.approx(sorted(100 * probabilities, reverse=True), abs=0.06)


def save_kinds(image: Image.Image, folder: Path) -> None:
    """Save one grey image in every mode and orientation that people bring."""
    image.save(folder / "grey.png")
    image.convert("RGB").save(folder / "rgb.bmp")
    image.convert("RGBA").save(folder / "rgba.png")
    image.convert("RGB").quantize(200).save(folder / "palette.gif")
    image.convert("CMYK").save(folder / "cmyk.tiff")
    image.convert("RGB").save(folder / "photo.jpg", quality=100)
    Image.fromarray(np.asarray(image).astype(np.uint16) * 257).save(folder / "deep.png")
    image.resize((60, 60), Image.Resampling.NEAREST).save(folder / "large.png")
    image.resize((6, 6)).save(folder / "small.webp", lossless=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 270 degrees to show it upright
    image.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png", exif=exif)
    wide = Image.new("L", (200, 60))
    wide.paste(image.resize((60, 60), Image.Resampling.NEAREST), (70, 0))
    wide.save(folder / "wide.png")


@pytest.mark.parametrize("index", range(3))
def test_predict_reads_every_kind_of_image(model, bars, tmp_path, capsys, index):
    save_kinds(Image.fromarray(bars[index]), tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    files = [str(tmp_path / name) for name in names]
    assert main(["predict", str(model), *files, "--invert", "no"]) == 0
    said = answers(capsys.readouterr().out)
    assert said.pop("small.webp").startswith("bar ")  # half the pixels: read, and maybe mistaken
    names.remove("small.webp")
    assert said == dict.fromkeys(names, expected(model, bars[index]))


def test_dark_on_light_is_inverted_and_said(model, bars, tmp_path, capsys):
    dark = np.pad(255 - bars[2], 4, constant_values=255)  # paper around the bar
    light = np.pad(bars[2], 4)
    for name, image in (("dark.png", dark), ("light.png", light)):
        Image.fromarray(image).save(tmp_path / name)

    def said(*options: str) -> tuple[str, str]:
        files = [str(tmp_path / "dark.png"), str(tmp_path / "light.png")]
        assert main(["predict", str(model), *files, *options]) == 0
        first, second = capsys.readouterr().out.splitlines()
        return first.partition(": ")[2], second.partition(": ")[2]

    dark_auto, light_auto = said()
    assert dark_auto == f"{light_auto}  (inverted: its border is light)"
    assert said("--invert", "no")[1] == light_auto
    assert said("--invert", "yes")[0] == light_auto
    assert said("--invert", "no")[0] != light_auto


def test_nothing_is_inverted_for_a_model_without_polarity(model, bars, tmp_path, capsys):
    other = onnx.load(model)
    for item in other.metadata_props:
        if item.key == "image":
            item.value = json.dumps(json.loads(item.value) | {"polarity": None})
    onnx.save(other, tmp_path / "model.onnx")
    Image.fromarray(np.full((12, 12), 255, np.uint8)).save(tmp_path / "white.png")
    assert main(["predict", str(tmp_path / "model.onnx"), str(tmp_path / "white.png")]) == 0
    assert "(inverted" not in capsys.readouterr().out


def test_broken_images_get_a_line_each_and_the_others_go_on(
    model, bars, tmp_path, capsys, caplog, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(bars[0]).save("good.png")
    Path("text.png").write_text("hello")
    Path("cut.png").write_bytes(Path("good.png").read_bytes()[:60])
    Path("empty.jpg").touch()
    Path("folder").mkdir()
    files = ["text.png", "missing.png", "cut.png", "empty.jpg", "folder", "good.png"]
    assert main(["predict", str(model), *files]) == 1
    printed = capsys.readouterr()
    assert answers(printed.out) == {"good.png": expected(model, bars[0])}
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(": ")[0] for line in lines] == files[:-1]
    assert "not an image in a format known here" in lines[0]
    assert lines[1] == "missing.png: No such file or directory"
    assert not [line for line in lines if "\n" in line]
    assert "5 of 6 files could not be read" in printed.err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path, model: None, "no such file"),
        (lambda path, model: path.write_text("hello"), "not a model that onnxruntime can open"),
        (
            lambda path, model: edit(model, path, lambda m: m.ClearField("metadata_props")),
            "an ONNX model, but none that Sightline exported",
        ),
        (
            lambda path, model: edit(model, path, lambda m: put(m, "sightline_contract", "2")),
            "made by a newer Sightline (contract 2, this one knows 1)",
        ),
        (
            lambda path, model: edit(
                model,
                path,
                lambda m: put(m, "image", '{"resize": {"rule": "squeeze", "size": 12}}'),
            ),
            "wants its images resized by 'squeeze'",
        ),
        (
            lambda path, model: edit(model, path, lambda m: m.graph.output.pop(1)),
            "its outputs are logits, features, there is none to print: it needs one of",
        ),
    ],
    ids=["missing", "text", "not ours", "newer", "other rule", "no answer"],
)
def test_a_file_that_cannot_serve_gets_one_line(model, tmp_path, capsys, make, said):
    path = tmp_path / "other.onnx"
    make(path, model)
    assert main(["predict", str(path), "image.png"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"sightline: {path}: ")
    assert said in error
    assert error.count("\n") == 1


def edit(model: Path, path: Path, change) -> None:
    proto = onnx.load(model)
    change(proto)
    onnx.save(proto, path)


def put(proto: onnx.ModelProto, key: str, value: str) -> None:
    next(item for item in proto.metadata_props if item.key == key).value = value


def test_session_says_what_the_file_holds(layout):
    session = Session(layout.model("lstm") / "model.onnx", threads=1)
    assert session.inputs == {"images": ["batch", "height", 12, 1], "lengths": ["batch"]}
    assert session.outputs["logits"] == ["batch", 3]
    assert session.metadata["classes"] == ["bar 0", "bar 1", "bar 2"]
    assert session.metadata["real"] is False
    assert session.metadata["sightline_contract"] == 1
    assert session.raw.get_providers() == ["CPUExecutionProvider"]
    assert session.raw.get_session_options().intra_op_num_threads == 1


def test_session_takes_lengths_as_any_integers(layout, bars):
    session = Session(layout.model("lstm") / "model.onnx")
    images = bars.reshape(3, 12, 12, 1)
    short = session.run(images, [3, 12, -1])["logits"]
    whole = session.run(images)["logits"]
    np.testing.assert_array_equal(short[1:], whole[1:])
    assert not np.allclose(short[0], whole[0], atol=1e-6)


@pytest.mark.parametrize(
    ("images", "lengths"),
    [
        (np.zeros((1, 12, 13, 1), np.uint8), None),
        (np.zeros((1, 12, 12, 1), np.float32), None),
        (np.zeros((12, 12, 1), np.uint8), None),
        (np.zeros((1, 12, 12, 1), np.uint8), [5]),
    ],
    ids=["width", "type", "no batch", "lengths of a cnn"],
)
def test_session_refuses_what_does_not_fit_and_says_what_does(model, images, lengths):
    with pytest.raises(SightlineError, match=r"model\.onnx: .*it takes \{'images'") as caught:
        Session(model).run(images, lengths)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="CUDA is there")
def test_a_missing_provider_is_an_error_not_a_fallback(model):
    with pytest.raises(SightlineError, match=f"onnxruntime has no {CUDA} here, it has "):
        Session(model, provider=CUDA)


@pytest.mark.gpu
@pytest.mark.skipif(CUDA not in onnxruntime.get_available_providers(), reason="no CUDA")
def test_cuda_answers_as_the_cpu_does(model, bars):
    images = bars.reshape(3, 12, 12, 1)
    on_gpu = Session(model, provider=CUDA).run(images)["probabilities"]
    np.testing.assert_allclose(on_gpu, Session(model).run(images)["probabilities"], atol=1e-3)


def test_a_call_costs_at_most_five_microseconds_more_than_onnxruntimes_own(model):
    """The quickest of many short turns: what else the machine does only makes a turn slower."""
    session = Session(model, threads=1)
    images = np.zeros((1, 12, 12, 1), np.uint8)
    names, run = list(session.outputs), session.raw.run

    def turn(call) -> float:
        start = time.perf_counter()
        for _ in range(20):
            call()
        return (time.perf_counter() - start) / 20

    bare = lambda: run(names, {"images": images})  # noqa: E731
    ours = lambda: session.run(images)  # noqa: E731
    turns = [(turn(bare), turn(ours)) for _ in range(400)]
    quickest = [min(column) for column in zip(*turns, strict=True)]
    assert quickest[1] - quickest[0] < 5e-6


def test_a_copy_far_from_the_project_answers(layout, model, bars, tmp_path, monkeypatch, capsys):
    shutil.copy(model, tmp_path / "taken.onnx")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(bars[0]).save("bar.png")
    assert main(["predict", "taken.onnx", "bar.png"]) == 0
    assert answers(capsys.readouterr().out) == {"bar.png": expected(model, bars[0])}


def contract() -> str:
    return (Path(__file__).parents[1] / "docs" / "onnx.md").read_text()


def test_python_example_of_the_contract_runs(layout, monkeypatch, capsys):
    code = re.search(r"```python\n(.*?)```", contract(), re.DOTALL)[1].replace("28, 28", "12, 12")
    monkeypatch.chdir(layout.model("lstm"))
    exec(compile(code, "docs/onnx.md", "exec"), {})
    assert capsys.readouterr().out.count("bar") == 2


def test_contract_lists_the_metadata_of_a_file(model):
    table = contract().partition("## Metadata")[2].partition("##")[0]
    listed = {
        name: "(JSON)" in row.split("|")[1]
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert set(listed) == set(Session(model).metadata)
    assert {name for name, structured in listed.items() if structured} == set(STRUCTURED)
