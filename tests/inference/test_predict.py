"""`sightline predict`: an exported file asked about images of every kind, with clear refusals."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from sightline.cli import main
from sightline.inference.session import Session

# what a bare machine lacks that has only `pip install sightline[predict]`
ABSENT = ("torch", "torchvision", "onnx", "onnxscript", "mlflow", "dvc", "prefect")


NOT_REAL = "trained on data that is NOT real: bars for tests"


def answers(printed: str) -> dict[str, str]:
    """The likeliest class of each image, by the name of its file."""
    lines = (line.split(": ", 1) for line in printed.splitlines())
    return {Path(path).name: text.rsplit(" ", 1)[0] for path, text in lines}


def expected(model: Path, image: np.ndarray) -> str:
    """The class of pixels that need no preparation, from onnxruntime alone."""
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
    assert (done.returncode, done.stderr) == (0, f"{model}: {NOT_REAL}\n")
    assert answers(done.stdout) == {"bar.png": expected(model, bars[0])}


def test_of_real_data_nothing_is_said(model, bars, tmp_path, caplog):
    Image.fromarray(bars[0]).save(tmp_path / "bar.png")
    edit(model, tmp_path / "real.onnx", lambda m: put(m, "real", "true"))
    assert main(["predict", str(tmp_path / "real.onnx"), str(tmp_path / "bar.png")]) == 0
    assert caplog.messages == []


def test_predict_prints_classes_and_probabilities_best_first(model, bars, tmp_path, capsys):
    Image.fromarray(bars[1]).save(tmp_path / "bar.png")
    assert main(["predict", str(model), str(tmp_path / "bar.png"), "--top", "3"]) == 0
    line = capsys.readouterr().out.strip().removeprefix(f"{tmp_path / 'bar.png'}: ")
    shares = [float(part.rsplit(" ", 1)[1].rstrip("%")) for part in line.split(", ")]
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
    printed = answers(capsys.readouterr().out)
    assert printed.pop("small.webp").startswith("bar ")  # half the pixels: read, maybe mistaken
    names.remove("small.webp")
    assert printed == dict.fromkeys(names, expected(model, bars[index]))


def test_dark_on_light_is_inverted_with_a_note(model, bars, tmp_path, capsys):
    dark = np.pad(255 - bars[2], 4, constant_values=255)  # paper around the bar
    light = np.pad(bars[2], 4)
    for name, image in (("dark.png", dark), ("light.png", light)):
        Image.fromarray(image).save(tmp_path / name)

    def printed(*options: str) -> tuple[str, str]:
        files = [str(tmp_path / "dark.png"), str(tmp_path / "light.png")]
        assert main(["predict", str(model), *files, *options]) == 0
        first, second = capsys.readouterr().out.splitlines()
        return first.partition(": ")[2], second.partition(": ")[2]

    dark_auto, light_auto = printed()
    assert dark_auto == f"{light_auto}  (inverted: its border is light)"
    assert printed("--invert", "no")[1] == light_auto
    assert printed("--invert", "yes")[0] == light_auto
    assert printed("--invert", "no")[0] != light_auto


def test_nothing_is_inverted_for_a_model_without_polarity(model, bars, tmp_path, capsys):
    other = onnx.load(model)
    for item in other.metadata_props:
        if item.key == "image":
            item.value = json.dumps(json.loads(item.value) | {"polarity": None})
    onnx.save(other, tmp_path / "model.onnx")
    Image.fromarray(np.full((12, 12), 255, np.uint8)).save(tmp_path / "white.png")
    assert main(["predict", str(tmp_path / "model.onnx"), str(tmp_path / "white.png")]) == 0
    assert "(inverted" not in capsys.readouterr().out


@pytest.mark.faults
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
    warning, *lines = caplog.messages
    assert warning == f"{model}: {NOT_REAL}"
    assert [line.split(": ")[0] for line in lines] == files[:-1]
    assert "not an image in a format known here" in lines[0]
    assert lines[1] == "missing.png: No such file or directory"
    assert not [line for line in lines if "\n" in line]
    assert "5 of 6 files could not be read" in printed.err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path, model: None, "no such file"),
        (lambda path, model: path.write_text("hello"), "not a model that onnxruntime can open"),
        (
            lambda path, model: edit(model, path, lambda m: m.ClearField("metadata_props")),
            "an ONNX model, but none that Sightline exported",
        ),
        (
            lambda path, model: edit(model, path, lambda m: put(m, "sightline_contract", "4")),
            "made by a newer Sightline (contract 4, this one knows 3)",
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
            "its outputs are logits, features, the task classify needs probabilities too: ",
        ),
    ],
    ids=["missing", "text", "not ours", "newer", "other rule", "no answer"],
)
def test_a_file_that_cannot_serve_gets_one_line(model, tmp_path, capsys, make, message):
    path = tmp_path / "other.onnx"
    make(path, model)
    assert main(["predict", str(path), "image.png"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"sightline: {path}: ")
    assert message in error
    assert error.count("\n") == 1


def edit(model: Path, path: Path, change) -> None:
    proto = onnx.load(model)
    change(proto)
    onnx.save(proto, path)


def put(proto: onnx.ModelProto, key: str, value: str) -> None:
    next(item for item in proto.metadata_props if item.key == key).value = value


def test_a_copy_far_from_the_project_answers(layout, model, bars, tmp_path, monkeypatch, capsys):
    shutil.copy(model, tmp_path / "taken.onnx")
    monkeypatch.chdir(tmp_path)
    Image.fromarray(bars[0]).save("bar.png")
    assert main(["predict", "taken.onnx", "bar.png"]) == 0
    assert answers(capsys.readouterr().out) == {"bar.png": expected(model, bars[0])}


@pytest.mark.faults
def test_an_image_of_one_colour_gets_a_word(model, bars, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (30, 20), (70, 80, 90)).save("wall.png")
    Image.fromarray(bars[0]).save("bar.png")
    assert main(["predict", str(model), "wall.png", "bar.png"]) == 0
    wall, bar = capsys.readouterr().out.splitlines()
    assert wall.endswith("  (one single colour: there is nothing to see in it)")
    assert "(" not in bar


@pytest.mark.faults
def test_half_a_jpeg_and_numbers_without_a_scale_are_not_answered(
    model, bars, tmp_path, monkeypatch, capsys, caplog
):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(bars[0].repeat(9, 0).repeat(9, 1)).save("photo.jpg", quality=95)
    photo = Path("photo.jpg").read_bytes()
    Path("half.jpg").write_bytes(photo[: len(photo) * 3 // 4] + b"\xff\xd9")
    Image.fromarray((bars[0] / 255).astype(np.float32)).save("share.tiff")
    assert main(["predict", str(model), "half.jpg", "share.tiff", "photo.jpg"]) == 1
    assert answers(capsys.readouterr().out) == {"photo.jpg": expected(model, bars[0])}
    about = [line.split(": ")[0] for line in caplog.messages]
    assert about == [str(model), "half.jpg", "share.tiff"]


@pytest.mark.faults
@pytest.mark.parametrize("top", ["0", "-1", "two"])
def test_a_number_of_classes_that_is_none_is_refused(model, top, capsys):
    with pytest.raises(SystemExit) as status:
        main(["predict", str(model), "image.png", "--top", top])
    assert status.value.code == 2
    assert f"{top!r} is no number of classes, 1 or more" in capsys.readouterr().err


@pytest.mark.faults
def test_a_name_in_another_encoding_does_not_stop_the_others(model, bars, tmp_path):
    Image.fromarray(bars[0]).save(tmp_path / "bar.png")
    latin = tmp_path / os.fsdecode(b"caf\xe9.png")
    shutil.copy(tmp_path / "bar.png", latin)
    command = [sys.executable, "-m", "sightline.cli", "predict", model, latin, "bar.png"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, f"{model}: {NOT_REAL}\n")
    first, second = done.stdout.splitlines()
    assert "caf\\udce9.png: " in first and second.startswith("bar.png: ")


@pytest.mark.faults
def test_ctrl_c_is_quiet(model, tmp_path):
    os.mkfifo(tmp_path / "slow.png")
    command = [sys.executable, "-m", "sightline.cli", "predict", model, "slow.png"]
    with (
        subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # tests that a shell runs in the background ignore Ctrl-C, and so would this
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process,
        (tmp_path / "slow.png").open("wb"),  # waits until the command reads
    ):
        time.sleep(1)  # it reads now, and a signal interrupts that
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, f"{model}: {NOT_REAL}\n".encode())
