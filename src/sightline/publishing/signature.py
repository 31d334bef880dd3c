"""model.sig: a signature of all other files with one's own key, by OpenSSF's model-signing."""

from pathlib import Path
from typing import Any

from sightline.errors import SightlineError, one_line
from sightline.layout import PublishedFiles
from sightline.publishing.sums import OF_HUBS


def sign(files: PublishedFiles, key: Path) -> None:
    """Sign a folder with a private elliptic key, PEM without a password.

    Raises SightlineError where model-signing is not installed, or the key is none.
    """
    signing = _model_signing().signing
    _check_key(key)
    config = signing.Config().set_hashing_config(_hashing(files))
    try:
        config = config.use_elliptic_key_signer(private_key=key)
    except (ValueError, TypeError) as error:  # TypeError: the key has a password
        raise SightlineError(
            f"{key}: no private elliptic key in PEM without a password ({one_line(error)}): make "
            "one by `openssl ecparam -name prime256v1 -genkey -noout -out key.pem`"
        ) from None
    config.sign(files.path, files.signature)


def check_signature(files: PublishedFiles, key: Path) -> str:
    """Return a line that the folder was signed by the private half of `key`, a PEM.

    Raises SightlineError where it was not, or cannot be told.
    """
    verifying = _model_signing().verifying
    _check_key(key)
    if not files.signature.is_file():
        raise SightlineError(f"{files.path}: no {files.signature.name}: nobody signed it")
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (ValueError, TypeError) as error:
        raise SightlineError(
            f"{key}: no public elliptic key in PEM ({one_line(error)}): make it from yours by "
            "`openssl ec -in key.pem -pubout -out public.pem`"
        ) from None
    try:
        config.set_hashing_config(_hashing(files)).verify(files.path, files.signature)
    except Exception as error:  # model-signing raises whatever its parts raise
        raise SightlineError(
            f"{files.signature} is no signature of this folder by the key of {key} "
            f"({one_line(error) or type(error).__name__}): do not use it"
        ) from None
    return f"signed by the key of {key}"


def _hashing(files: PublishedFiles) -> Any:
    """Return what is signed: all files but the signature and what hubs add."""
    ignored = [files.signature, *(files.path / name for name in OF_HUBS)]
    hashing = _model_signing().hashing.Config().set_allow_symlinks(True)
    return hashing.set_ignored_paths(paths=ignored, ignore_git_paths=True)


def _check_key(key: Path) -> None:
    if not key.is_file():
        raise SightlineError(f"--key {key}: no such file")


def _model_signing() -> Any:
    try:
        import model_signing
    except ImportError:
        raise SightlineError(
            "--key needs model-signing, which is missing: `pip install model-signing pyopenssl`"
        ) from None
    return model_signing
