"""model.sig: whose folder it is; without model-signing a line says what to install."""

import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sightline.cli import main
from sightline.errors import SightlineError
from sightline.layout import PublishedFiles
from sightline.publishing.publish import publish
from sightline.publishing.sums import write_sums
from sightline.publishing.verify import verify

PEM = serialization.Encoding.PEM
PRIVATE, PUBLIC = serialization.PrivateFormat, serialization.PublicFormat


@pytest.fixture
def keys(tmp_path):
    """The files of a private key, of its public half, and of somebody else's public key."""
    files = [tmp_path / f"{name}.pem" for name in ("private", "public", "others")]
    own, others = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    unencrypted = serialization.NoEncryption()
    files[0].write_bytes(own.private_bytes(PEM, PRIVATE.PKCS8, unencrypted))
    for file, key in zip(files[1:], (own, others), strict=True):
        file.write_bytes(key.public_key().public_bytes(PEM, PUBLIC.SubjectPublicKeyInfo))
    return files


def test_a_signed_folder_is_told_from_one_of_somebody_else(project, tmp_path, keys):
    pytest.importorskip("model_signing")
    private, public, others = keys
    publish("bars-cnn", tmp_path / "folder", project, key=private)
    assert f"signed by the key of {public}" in verify(tmp_path / "folder", public)
    assert "model.sig not checked: that takes the public key, --key" in verify(tmp_path / "folder")
    with pytest.raises(SightlineError, match="is no signature of this folder by the key of"):
        verify(tmp_path / "folder", others)
    (tmp_path / "folder" / ".gitattributes").write_text("*.onnx filter=lfs\n")
    verify(tmp_path / "folder", public)
    (tmp_path / "folder" / "labels.json").write_text('["others"]\n')
    write_sums(PublishedFiles(tmp_path / "folder"))
    with pytest.raises(SightlineError, match="is no signature of this folder by the key of"):
        verify(tmp_path / "folder", public)


@pytest.mark.faults
def test_bad_keys_are_a_line(project, tmp_path, cnn, keys):
    pytest.importorskip("model_signing")
    _, public, _ = keys
    with pytest.raises(SightlineError, match=r"--key .*none\.pem: no such file"):
        publish("bars-cnn", tmp_path / "folder", project, key=tmp_path / "none.pem")
    with pytest.raises(SightlineError, match=r"public\.pem: no private elliptic key in PEM"):
        publish("bars-cnn", tmp_path / "folder", project, key=public)
    assert not (tmp_path / "folder").exists()
    with pytest.raises(SightlineError, match=r"no model\.sig: nobody signed it"):
        verify(cnn.path, public)


@pytest.mark.faults
def test_without_model_signing_a_line_says_what_to_install(cnn, keys, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "model_signing", None)
    assert main(["verify", str(cnn.path), "--key", str(keys[1])]) == 1
    assert "--key needs model-signing, which is missing: `pip install" in capsys.readouterr().err
