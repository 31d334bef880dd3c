"""Pictures of records: latency against batch size, and each task's figure against latency."""

from pathlib import Path
from typing import Any

from sightline import tasks
from sightline.benchmark.records import Record
from sightline.benchmark.scenarios import EAGER, FP32, INT8
from sightline.drawing.charts import COLOURS, Line, chart, colour, plot_lines, png
from sightline.files import write_atomically

SIZE = (7, 4.2)  # inches
STYLES = {FP32: "-", INT8: ":", EAGER: "--"}  # what else was measured stands in the tables


def write(records: list[Record], folder: Path) -> list[Path]:
    """Write the pictures of each dataset in the records, as PNG, into `folder`; return them.

    CATALOGUE-DATASET-latency.png, and CATALOGUE-DATASET-TASK.png for each task. Always with the
    fewest threads that were measured: of two lines, one would hide the other.
    """
    pictures: dict[str, bytes] = {}
    for (catalogue, dataset), group in sorted(_grouped(records, "catalogue", "dataset").items()):
        real = "" if group[0]["model"]["real"] else ", NOT real data"
        threads = ", ".join(map(str, sorted({_threads(record) for record in group})))
        title = f"{dataset} ({catalogue}{real}), threads: {threads}"
        pictures[f"{catalogue}-{dataset}-latency"] = latency(group, title)
        for (task,), same_task in sorted(_grouped(group, "task").items()):
            words = tasks.words(task)
            pictures[f"{catalogue}-{dataset}-{task}"] = trade_off(
                same_task, words.figure, words.higher_is_better, f"{task}, {title}"
            )
    paths = []
    for name, content in pictures.items():
        paths.append(folder / f"{name}.png")
        write_atomically(paths[-1], content)
    return paths


def latency(records: list[Record], title: str) -> bytes:
    """Return a chart of the median latency by batch size, as PNG, a colour each model."""
    figure, axes = chart(SIZE, title, xlabel="images in a batch", ylabel="ms for a batch, median")
    lines = []
    for place, record in enumerate(records):
        points: dict[str, list[tuple[int, float]]] = {}
        for row in record["figures"]:
            if row["threads"] == _threads(record) and row["contender"] in STYLES:
                points.setdefault(row["contender"], []).append((row["batch"], row["p50_ms"]))
        name, own = record["model"]["name"], colour(place)
        labels = {FP32: name, INT8: f"{name} int8", EAGER: f"_{name}"}  # _: not in the legend
        for contender, pairs in points.items():
            batches, milliseconds = zip(*sorted(pairs), strict=True)
            lines.append(Line(labels[contender], batches, milliseconds, own, STYLES[contender]))
    plot_lines(axes, [*lines, Line("torch eager", [], [], "grey", STYLES[EAGER])], log=True)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)  # beside it
    axes.set_xscale("log", base=2)
    batches = sorted({row["batch"] for record in records for row in record["figures"]})
    axes.set_xticks(batches, map(str, batches))
    _plain(axes.yaxis)
    return png(figure)


def trade_off(records: list[Record], key: str, higher_is_better: bool, title: str) -> bytes:
    """Return a chart of a task's figure `key` on test against the median latency of one image, as
    PNG, a point each fp32 file and accepted int8 variant.
    """
    labels = {"xlabel": "ms for one image, median", "ylabel": f"{key} on test"}
    figure, axes = chart(SIZE, title, xscale="log", **labels)
    points = {}
    for record in records:
        for row in record["figures"]:
            variant = record["variants"].get(row["contender"], {})
            offered = row["contender"] == FP32 or variant.get("accepted")
            if offered and row["batch"] == 1 and row["threads"] == _threads(record):
                name = record["model"]["name"] + " int8" * (row["contender"] == INT8)
                points[name] = row["p50_ms"], variant[f"test_{key}"]
    front = pareto(points, higher_is_better)
    edge = zip(*(points[name] for name in front), strict=True)
    axes.plot(*edge, "-", c=COLOURS[1], lw=6, alpha=0.3, label="Pareto front")
    for name, point in points.items():
        axes.plot(*point, "o", c=COLOURS[1] if name in front else "grey")
        axes.annotate(name, point, textcoords="offset points", xytext=(5, 5), fontsize=8)
    axes.margins(0.18)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=9, frameon=False)
    _plain(axes.xaxis)
    return png(figure)


def pareto(points: dict[str, tuple[float, float]], higher_is_better: bool) -> list[str]:
    """Return the names of the points (latency, figure) that no other one beats in both.

    In order of latency; a point equal to another in both stays beside it.
    """
    sign = 1 if higher_is_better else -1

    def beaten(mine: tuple[float, float]) -> bool:
        return any(
            other[0] <= mine[0] and sign * other[1] >= sign * mine[1] and other != mine
            for other in points.values()
        )

    front = [name for name, point in points.items() if not beaten(point)]
    return sorted(front, key=lambda name: points[name])


def _grouped(records: list[Record], *keys: str) -> dict[tuple[str, ...], list[Record]]:
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record["model"][key] for key in keys), []).append(record)
    return groups


def _threads(record: Record) -> int:
    return min(row["threads"] for row in record["figures"])


def _plain(axis: Any) -> None:
    """Write a logarithmic axis's ticks as plain numbers."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter("")
