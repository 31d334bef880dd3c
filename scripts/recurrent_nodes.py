"""One native RNN node against the recurrence unrolled: what docs/onnx.md's choice costs.

    python scripts/recurrent_nodes.py [--threads 1] [--seconds 3]

Milliseconds for one call of session.run, the median; rows of 28 pixels, 28 steps, hidden size 128,
as mnist-rnn and mnist-irnn. The unrolled graph is what torch.export makes of nn.RNN: its number of
rows is frozen, so it could not keep the contract; it is here as the price that is paid. Both
sessions take turns, so that what else the machine does strikes both.
"""

import argparse
import os
import time
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import torch

from sightline.export.translate import translate
from sightline.models.trained import TrainedModel

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCHES = (1, 8, 64, 256)


def main() -> None:
    """Measure both graphs at every batch size and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seconds", type=float, default=3, help="for each row of the table")
    args = arguments.parse_args()
    print(f"onnxruntime {version('onnxruntime')}, torch {torch.__version__}, ", end="")
    print(f"{args.threads} threads, load {os.getloadavg()[0]:.1f}")
    print("| network | batch | native ms | unrolled ms | native / unrolled | calls |")
    print("| --- | --- | --- | --- | --- | --- |")
    for network in ("rnn", "irnn"):
        model = build(network)
        graphs = translate(model).SerializeToString(), unrolled(model)
        sessions = [session(graph, args.threads) for graph in graphs]
        for batch in BATCHES:
            images = np.random.default_rng(0).integers(0, 256, (batch, 28, 28, 1), dtype=np.uint8)
            answers = [one.run(None, {"images": images}) for one in sessions]
            for one, other in zip(*answers, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-4)  # else no figure means anything
            times = measure(sessions, images, args.seconds)
            native, flat = (1000 * np.median(column) for column in times)
            print(
                f"| {network} | {batch} | {native:.3f} | {flat:.3f} | {native / flat:.2f} "
                f"| {len(times[0])} |"
            )


def build(network: str) -> TrainedModel:
    """Return an untrained model of the size of mnist-rnn: time does not depend on the weights."""
    torch.manual_seed(0)
    return TrainedModel(
        {
            "network": network,
            "task": "classify",
            "shape": [28, 28, 1],
            "outputs": 10,
            "recipe": {"network": {"hidden_size": 128}},
            "data": {"mean": [0.13], "std": [0.31]},
        }
    ).eval()


def unrolled(model: TrainedModel) -> bytes:
    """Return the graph of torch.export, whose batch is dynamic and whose rows are not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (torch.zeros(2, 28, 28, 1, dtype=torch.uint8),),
            dynamo=True,
            input_names=["images"],
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
            verbose=False,
        )
    graph = program.model_proto
    assert not any(node.op_type == "RNN" for node in graph.graph.node)
    return graph.SerializeToString()


def session(graph: bytes, threads: int) -> "InferenceSession":
    """Return a session on the CPU."""
    import onnxruntime  # after sightline, which turns its telemetry off

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def measure(sessions: list, images: np.ndarray, seconds: float) -> list[list[float]]:
    """Return the seconds of each call, for each session, after ten calls to warm up."""
    times = [[] for _ in sessions]
    calls = 0
    end = time.perf_counter() + seconds
    while calls <= 10 or time.perf_counter() < end:
        for column, one in zip(times, sessions, strict=True):
            start = time.perf_counter()
            one.run(None, {"images": images})
            if calls >= 10:
                column.append(time.perf_counter() - start)
        calls += 1
    return times


if __name__ == "__main__":
    main()
