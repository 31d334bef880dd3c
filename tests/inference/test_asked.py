"""How an image is prepared for a model, by `predict` and by `serve` alike."""

import json

import numpy as np
import onnx
import pytest
from served import png

from sightline.data import image_files
from sightline.inference.asked import AskedModel


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)


def test_the_crop_that_a_file_asks_for_is_heeded_for_files_and_pixels(model, image, tmp_path):
    other = onnx.load(model)
    for item in other.metadata_props:
        if item.key == "image":
            description = json.loads(item.value)
            description["resize"]["crop"] = 0.5
            item.value = json.dumps(description)
    onnx.save(other, tmp_path / "model.onnx")
    asked, file = AskedModel(tmp_path / "model.onnx"), png(image)
    expected = image_files.read(file, 12, 1, crop=0.5)
    np.testing.assert_array_equal(asked.prepare(file, "no").image, expected)
    np.testing.assert_array_equal(asked.prepare(image[..., None], "no").image, expected)
    assert (AskedModel(model).prepare(file, "no").image != expected).any()


def test_an_image_of_too_many_pixels_is_refused_where_there_is_a_bound(model, image):
    asked = AskedModel(model)
    asked.prepare(png(image), most_pixels=2400)
    with pytest.raises(ValueError, match="60 x 40 are more than 2,399 pixels"):
        asked.prepare(png(image), most_pixels=2399)
