"""An exported model, opened in onnxruntime: images in, named outputs out. Needs no torch."""

import json
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from sightline.errors import SightlineError, one_line
from sightline.layout import file_with_lengths

CONTRACT = 3  # of inputs, outputs and metadata, as docs/onnx.md describes them
STRUCTURED = ("classes", "image", "metrics", "real", "recipe", "versions")  # JSON in the metadata
ALL_LEVELS = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
_ERRORS_ONLY = 3  # onnxruntime's scale of severity


class Session:
    """An exported model, opened.

    `metadata` holds what the file says of itself, as docs/onnx.md lists it; `inputs` and `outputs`
    their axes by name, a number where fixed and a name where not; `raw` is onnxruntime's own
    session. The file that also takes `lengths` is opened when they are first given. Raises
    SightlineError where the file is no ONNX model, was not exported by Sightline, or the execution
    provider asked for is not the one that would run.
    """

    def __init__(
        self,
        path: str | Path,
        provider: str = "CPUExecutionProvider",
        threads: int = 0,
        level: onnxruntime.GraphOptimizationLevel = ALL_LEVELS,
    ):
        """Open a file. `threads`: of one call; 0 leaves the number to onnxruntime."""
        self.path = Path(path)
        self.raw = open_raw(self.path, provider, threads, level)
        self.metadata = read_metadata(self.raw, self.path)
        # Up to contract 1, `lengths` is an initializer that an input of its name overrides.
        everything = [*self.raw.get_inputs(), *self.raw.get_overridable_initializers()]
        self.inputs = {value.name: value.shape for value in everything}
        self.outputs = {value.name: value.shape for value in self.raw.get_outputs()}
        self.lengths_path = file_with_lengths(self.path)
        if self.lengths_path:
            self.inputs["lengths"] = [self.inputs["images"][0]]
        self._open = partial(open_raw, provider=provider, threads=threads, level=level)
        self._names = list(self.outputs)
        self._run: Any = self.raw.run

    def run(
        self, images: np.ndarray, lengths: Sequence[int] | np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Return every output by its name, the batch on the first axis.

        `images` uint8 N x H x W x C, raw pixels; `lengths` N integers, in steps, for recurrent
        models (-1, and None: the whole sequence). Raises SightlineError where they do not fit,
        and for an empty batch of a recurrent model.
        """
        feed: dict[str, Any] = {"images": images}
        run = self._run
        if lengths is not None:
            feed["lengths"] = np.asarray(lengths, np.int64)
            run = self._run_with_lengths
        try:
            return dict(zip(self._names, run(self._names, feed)))  # noqa: B905 hot path
        except Exception as error:  # onnxruntime's exceptions have no common class
            empty = np.shape(images)[:1] == (0,)
            why = "a recurrent model refuses an empty batch" if empty else one_line(error)
            raise SightlineError(f"{self.path}: {why}: it takes {self.inputs}") from None

    @cached_property
    def _run_with_lengths(self) -> Any:
        if self.lengths_path is None:
            return self._run
        session = self._open(self.lengths_path)
        if read_metadata(session, self.lengths_path) != self.metadata:
            raise SightlineError(
                f"{self.lengths_path} is of another model than {self.path}: export it again"
            )
        return session.run


def open_raw(
    path: Path,
    provider: str,
    threads: int = 0,
    level: onnxruntime.GraphOptimizationLevel = ALL_LEVELS,
) -> onnxruntime.InferenceSession:
    """Return onnxruntime's session on exactly this execution provider, never on another.

    Raises SightlineError where the provider is missing or the file is no ONNX model.
    """
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise SightlineError(
            f"onnxruntime has no {provider} here, it has {', '.join(available)}: install the "
            f"onnxruntime package that brings it, or ask for another provider"
        )
    if not path.is_file():
        raise SightlineError(f"{path}: no such file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.graph_optimization_level = level
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:
        raise SightlineError(
            f"{path}: not a model that onnxruntime can open: {one_line(error)}"
        ) from None
    session.disable_fallback()
    running = session.get_providers()[0]  # it falls back to the CPU without an error
    if running != provider:
        raise SightlineError(
            f"{path}: {provider} was asked for, {running} would run: onnxruntime's warnings above "
            f"name the library that it lacks"
        )
    return session


def errors_only() -> None:
    """Keep onnxruntime's warnings from the sessions that other libraries open in this process."""
    onnxruntime.set_default_logger_severity(_ERRORS_ONLY)


def read_metadata(session: onnxruntime.InferenceSession, path: Path) -> dict[str, Any]:
    """Return a file's metadata, JSON values as what they stand for.

    Raises SightlineError where Sightline did not write the file, or a newer one did.
    """
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    try:
        contract = int(metadata.pop("sightline_contract"))
        metadata |= {key: json.loads(metadata[key]) for key in STRUCTURED}
    except (KeyError, ValueError):
        raise SightlineError(f"{path}: an ONNX model, but none that Sightline exported") from None
    if contract > CONTRACT:
        raise SightlineError(
            f"{path}: made by a newer Sightline (contract {contract}, this one knows {CONTRACT}): "
            f"update Sightline"
        )
    return metadata | {"sightline_contract": contract}
