"""What is kept beside the square: where it lies, the square in it, and the room that it takes."""

import io

import numpy as np
import pytest
from photographs import SIZES, photograph, photographs
from PIL import Image
from test_preprocess import contents, folder_raw, settings

from sightline.data import arrays, image_files, room
from sightline.data.form import Form, form_of
from sightline.data.preprocess import preprocess, statistics
from sightline.data.room import bytes_of, refuse_too_large
from sightline.errors import SightlineError
from sightline.layout import Processed


@pytest.mark.parametrize("size", [15, 16, 24, 100])
@pytest.mark.parametrize("sides", [*SIZES, (500, 375), (375, 500)])
def test_the_square_in_the_middle_is_the_usual_one(size, sides):
    """But for the rounding of PIL's box: what a model trains on is what it is tested on."""
    data, form = photograph(*sides), Form(size, 3, size * 4 // 3 // 2 * 2 + size % 2)
    image = image_files.read_as(data, form)
    height, width = image.shape[:2]
    assert min(height, width) == size and max(height, width) <= form.longest
    ratio = min(max(sides) / min(sides), form.longest / size)
    assert abs(max(height, width) - size * ratio) <= 2
    top, left = (height - size) // 2, (width - size) // 2
    middle = image[top : top + size, left : left + size]
    away = np.abs(middle.astype(int) - image_files.read(data, size, 3))
    assert away.max() <= 1 and away.mean() < 0.06


def test_what_lies_beside_the_square_is_kept():
    pixels = np.zeros((30, 90, 3), np.uint8)
    pixels[:, 25:30] = 255  # left of the square, within 4/3 of it
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    assert image_files.read(out.getvalue(), 30, 3).max() == 0
    assert image_files.read_as(out.getvalue(), Form(30, 3, 40))[:, :5].min() == 255


def test_exif_rotation_turns_the_longer_side_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert image_files.read_as(photograph(64, 48, exif=exif), Form(24, 3, 32)).shape == (32, 24, 3)


def test_a_crop_is_the_middle_of_the_square():
    pixels = np.zeros((80, 100, 3), np.uint8)
    pixels[10:70, 20:80] = 200
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    assert image_files.read(out.getvalue(), 60, 3, crop=0.75).min() == 200
    assert image_files.read(out.getvalue(), 60, 3, crop=0.8).min() < 200


def test_an_image_fills_its_row_upright_or_on_its_side():
    row, wide = np.zeros((4, 6, 3), np.uint8), np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert arrays.put(row, wide) == (4, 5)
    assert np.array_equal(arrays.upright(row, np.array([4, 5])), wide) and not row[:, 5].any()
    high = wide.swapaxes(0, 1)
    row = np.zeros((4, 6, 3), np.uint8)
    assert arrays.put(row, high) == (5, 4)
    assert np.array_equal(arrays.upright(row, np.array([5, 4])), high)


def test_preprocess_stores_and_describes_it(tmp_path):
    raw, processed = folder_raw(tmp_path, photographs()), Processed(tmp_path / "out" / "things")
    chosen = settings(
        image_size=24, channels=3, longer_side=1.333, evaluation={"image_size": 32, "crop": 0.875}
    )
    preprocess(raw, processed, chosen)
    meta = arrays.load_meta(processed)
    assert (meta["height"], meta["width"]) == (32, 32)
    assert meta["resize"] == {"size": 32, "rule": image_files.RULE, "crop": 0.875}
    train, _ = arrays.load_split(processed, "train")
    extents = arrays.load_extents(processed, "train")
    assert train.shape[1:] == (24, 32, 3) and extents is not None
    assert extents.min() == 24 and extents.max() == 32
    assert (extents[:, 0] > extents[:, 1]).any() and (extents[:, 0] < extents[:, 1]).any()
    for split in ("val", "test"):
        images, _ = arrays.load_split(processed, split)
        assert images.shape[1:] == (32, 32, 3)
        assert arrays.load_extents(processed, split) is None
    test, _ = arrays.load_split(processed, "test")
    files = {name: data for name, data in photographs().items() if name.startswith("test")}
    expected = [image_files.read(data, 32, 3, 0.875) for data in files.values()]
    assert sorted(image.tobytes() for image in test) == sorted(x.tobytes() for x in expected)
    every = [
        arrays.upright(row, extent).reshape(-1, 3)
        for row, extent in zip(train, extents, strict=True)
    ]
    flat = np.concatenate(every)
    assert np.allclose(meta["mean"], flat.mean(0) / 255)
    assert np.allclose(meta["std"], flat.std(0) / 255)
    before = contents(processed)
    preprocess(raw, processed, chosen)
    assert contents(processed) == before


def test_broken_images_take_their_extents_with_them(tmp_path):
    files = photographs()
    files["train/c0/0.jpg"] = files["train/c0/0.jpg"][:900]
    raw, processed = folder_raw(tmp_path, files), Processed(tmp_path / "out" / "things")
    preprocess(
        raw, processed, settings(image_size=24, channels=3, longer_side=1.333, broken_images="skip")
    )
    train, labels = arrays.load_split(processed, "train")
    extents = arrays.load_extents(processed, "train")
    assert extents is not None and len(extents) == len(labels) == len(train)
    assert all(
        arrays.upright(row, extent).any() for row, extent in zip(train, extents, strict=True)
    )
    filled = [row[..., 0].any(axis=0).sum() for row in train]
    assert np.abs(np.array(filled) - extents.max(axis=1)).max() <= 1


def test_a_set_without_it_has_the_usual_files(tmp_path):
    raw, processed = folder_raw(tmp_path, photographs()), Processed(tmp_path / "out" / "things")
    preprocess(raw, processed, settings(image_size=24, channels=3))
    assert not processed.extents("train").exists()
    assert arrays.load_split(processed, "train")[0].shape[1:] == (24, 24, 3)
    assert "crop" not in arrays.load_meta(processed)["resize"]


def test_statistics_leave_out_what_is_beside_an_image():
    rows = np.zeros((2, 4, 6, 1), np.uint8)
    rows[0, :, :5], rows[1, :, :4] = 10, 30
    mean, _ = statistics(rows, np.array([[4, 5], [4, 4]]))
    assert mean[0] == pytest.approx((20 * 10 + 16 * 30) / 36 / 255)


def test_a_set_too_large_for_the_disk_is_named_first(tmp_path):
    counts = {"train": 10**9, "val": 0, "test": 50_000}
    small = settings(image_size=160, channels=3, longer_side=1.333)
    needed = 10**9 * 160 * 214 * 3 + 50_000 * 160 * 160 * 3
    assert bytes_of(small, counts) == needed
    with pytest.raises(SightlineError) as caught:
        refuse_too_large("things", small, counts, tmp_path)
    line = str(caught.value)
    assert "102,723.8 GB at image_size 160" in line and "\n" not in line
    assert "(128: " in line and " 32: " in line and "224" not in line
    refuse_too_large("things", small, {"train": 10}, tmp_path)


def test_preprocess_looks_at_the_room_before_it_writes(tmp_path, monkeypatch):
    raw, processed = folder_raw(tmp_path, photographs()), Processed(tmp_path / "out" / "things")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: type("D", (), {"free": 1000}))
    with pytest.raises(SightlineError, match=r"its 48 images take 0\.0 GB at image_size 24"):
        preprocess(raw, processed, settings(image_size=24, channels=3))
    assert list(processed.path.parent.iterdir()) == []


def test_the_longer_side_is_as_odd_as_the_shorter_one():
    for size in range(8, 70):
        form = form_of(settings(image_size=size, longer_side=1.333), "train")
        for ratio in np.linspace(1, 2, 40):
            columns, rows = form.sides(100 * ratio, 100)
            assert rows == size and (columns - size) % 2 == 0 and columns <= form.longest
