"""The vectors try any runtime: onnx's own passes, one that takes ReLU for tanh does not."""

import shutil

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from sightline.errors import SightlineError
from sightline.files import read_json
from sightline.layout import PublishedFiles
from sightline.publishing.vectors import TOLERANCE, check_vectors, write_vectors
from sightline.publishing.verify import verify


def tensors(folder, kind):
    """Read vectors as a stranger to Sightline does."""
    protos = (onnx.load_tensor(path) for path in sorted(folder.glob(f"{kind}_*.pb")))
    return {proto.name: numpy_helper.to_array(proto) for proto in protos}


def test_another_runtime_passes_the_vectors(cnn):
    evaluator = ReferenceEvaluator(str(cnn.onnx))
    for folder in sorted(cnn.path.glob("test_data_set_*")):
        expected = tensors(folder, "output")
        answers = evaluator.run(list(expected), tensors(folder, "input"))
        for answer, wanted in zip(answers, expected.values(), strict=True):
            assert np.abs(answer - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def test_vectors_show_a_runtime_that_takes_relu_for_tanh(irnn):
    proto = onnx.load(irnn.onnx)
    (node,) = (node for node in proto.graph.node if node.op_type == "RNN")
    kept = [attribute for attribute in node.attribute if attribute.name != "activations"]
    assert len(kept) < len(node.attribute)
    del node.attribute[:]
    node.attribute.extend(kept)
    onnx.save(proto, irnn.onnx)
    with pytest.raises(SightlineError, match=r"is off by .* of its largest value"):
        check_vectors(irnn)
    assert "tract and MNN ignore that attribute" in irnn.card.read_text()


def test_a_card_warns_of_relu_where_there_is_a_relu_recurrence_alone(cnn):
    assert "tract" not in cnn.card.read_text()


def test_vectors_hold_images_of_many_greys_and_no_picture_of_the_data(cnn):
    images = tensors(cnn.path / "test_data_set_1", "input")["images"]
    assert images.shape == (8, 12, 12, 1) and images.dtype == np.uint8
    assert len(np.unique(images)) > 200
    blocks = images[0, :, :, 0]
    assert (blocks[::4] == blocks[1::4]).all() and (blocks[::4] == blocks[3::4]).all()


def test_vectors_of_a_model_for_any_size_are_wider_too(published, tmp_path):
    """Contract 3: its export tried larger images, and half of its own size it cannot read."""
    shutil.copytree(published / "crops", tmp_path / "fresh")
    crops = PublishedFiles(tmp_path / "fresh")
    shapes = [
        tensors(folder, "input")["images"].shape
        for folder in sorted(crops.path.glob("test_data_set_*"))
    ]
    assert shapes == [(1, 12, 12, 1), (8, 12, 12, 1), (8, 12, 18, 1)]
    assert read_json(crops.export, "")["contract"] == 3
    assert "3 sets of test vectors" in verify(crops.path)[-1]


def test_vectors_are_the_same_bytes_each_time(irnn):
    paths = sorted(irnn.path.rglob("*.pb"))
    before = [path.read_bytes() for path in paths]
    write_vectors(irnn)
    assert [path.read_bytes() for path in paths] == before
