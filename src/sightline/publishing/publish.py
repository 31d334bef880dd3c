"""`sightline publish`: the folder is written beside its place, checked, and renamed."""

import logging
import shutil
from pathlib import Path
from typing import Any

from sightline.errors import SightlineError
from sightline.files import write_atomically, write_json
from sightline.host.locks import held
from sightline.inference.session import Session
from sightline.layout import Layout, ModelFiles, PublishedFiles
from sightline.models.results import ModelResults
from sightline.publishing import sums
from sightline.publishing.front_matter import LICENSE, front_matter
from sightline.publishing.labels import labels
from sightline.publishing.provenance import provenance
from sightline.publishing.sbom import sbom
from sightline.publishing.signature import sign
from sightline.publishing.vectors import write_vectors
from sightline.publishing.verify import verify
from sightline.settings import params

logger = logging.getLogger(__name__)


def publish(
    name: str, folder: Path, layout: Layout, license: str = "other", key: Path | None = None
) -> None:
    """Write the published folder of one exported model; an earlier publish there is replaced.

    Equal states give equal bytes, but for the signature, which is made where a private `key` is
    given. Raises SightlineError, and changes nothing in `folder`, where the
    model is unknown, not exported or out of date, or `folder` holds anything else.
    """
    params.load(layout).model(name)
    if not LICENSE.fullmatch(license):
        raise SightlineError(
            f"--license {license!r} is no name of Hugging Face's list (apache-2.0, mit, cc-by-4.0, "
            "other): take one of those"
        )
    folder = folder.resolve()
    unfinished = PublishedFiles(folder.with_name(f".{folder.name}.unfinished"))
    replaced = folder.with_name(f".{folder.name}.replaced")
    with held(layout.state.locks / "publish", "another publish of this workspace is at work: wait"):
        _check_replaceable(PublishedFiles(folder))
        source = provenance(name, ModelResults(name, layout).description["seed"], license, layout)
        for leftover in (unfinished.path, replaced):  # of a publish that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            _write(unfinished, layout.model(name), source)
            if key:
                sign(unfinished, key)
            verify(unfinished.path)
            if folder.exists():
                folder.rename(replaced)
            unfinished.path.rename(folder)
        finally:
            shutil.rmtree(unfinished.path, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
    logger.info("%s: %s files, checked", folder, len(sums.present(PublishedFiles(folder))))


def _write(files: PublishedFiles, exported: ModelFiles, source: dict[str, Any]) -> None:
    for path in (exported.onnx, exported.lengths_onnx, exported.export):
        if path.is_file():
            write_atomically(files.path / path.name, path.read_bytes())
    metadata = Session(files.onnx).metadata
    head = front_matter(metadata, source["seed"], source["license"])
    write_atomically(files.card, head + exported.card.read_bytes())
    if (names := labels(metadata)) is not None:
        write_json(files.labels, names)
    write_json(files.provenance, source)
    write_json(files.sbom, sbom(files, metadata))
    write_vectors(files)
    sums.write_sums(files)


def _check_replaceable(files: PublishedFiles) -> None:
    """Raise SightlineError where there is anything that an earlier publish did not leave."""
    folder = files.path
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    advice = "choose another folder, or delete this one yourself"
    if not folder.is_dir():
        raise SightlineError(f"{folder} is a file: {advice}")
    if not files.sums.is_file() or not files.provenance.is_file():
        raise SightlineError(f"{folder} is not empty and no earlier publish: {advice}")
    listed = {*sums.read_sums(files), files.sums.name, files.signature.name}
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    if extra := sorted(names - listed):
        raise SightlineError(f"{folder / extra[0]} is of no earlier publish: {advice}")
