"""mnist-cnn of the project itself, by its own stages: published, verified, refused once changed."""

import pytest
from workspace import copy_project

pytestmark = pytest.mark.slow


def test_mnist_cnn_is_published_verified_and_refused_after_one_byte_is_changed(tmp_path):
    workspace = copy_project(tmp_path)
    workspace.run("sightline", "repro", "export@mnist-cnn")
    workspace.run("sightline", "publish", "mnist-cnn", "published")
    assert "2 sets of test vectors" in workspace.run("sightline", "verify", "published")
    for name in ("README.md", "test_data_set_0/output_0.pb", "model.onnx"):
        path = tmp_path / "published" / name
        content = path.read_bytes()
        path.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])
        assert f"{name}: SHA-256 is " in workspace.run(
            "sightline", "verify", "published", check=False
        )
        path.write_bytes(content)
    workspace.run("sightline", "verify", "published")
