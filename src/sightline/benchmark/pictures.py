"""Pictures of records: latency against batch size, accuracy against latency."""

import io
from pathlib import Path

from sightline.files import write_atomically


def write(records: list[dict], folder: Path) -> list[Path]:
    """Write both pictures of each dataset in the records, as PNG, into `folder`; return them.

    Always with the fewest threads that were measured: of two lines, one would hide the other.
    """
    drawn = []
    by_dataset: dict[tuple, list[dict]] = {}
    for record in records:
        model = record["model"]
        by_dataset.setdefault((model["catalogue"], model["dataset"]), []).append(record)
    for (catalogue, dataset), group in sorted(by_dataset.items()):
        real = "" if group[0]["model"]["real"] else ", NOT real data"
        threads = ", ".join(map(str, sorted({_threads(record) for record in group})))
        title = f"{dataset} ({catalogue}{real}), threads: {threads}"
        drawn.append(_latency(group, title, folder / f"{dataset}-latency.png"))
        if any("test_top1" in record["variants"]["fp32"] for record in group):
            drawn.append(_accuracy(group, title, folder / f"{dataset}-accuracy.png"))
    return drawn


def pareto(points: list[tuple[float, float]]) -> list[int]:
    """Return the indices of the points (latency, accuracy) that no other one beats in both.

    In order of latency; a point equal to another in both stays beside it.
    """

    def beaten(mine: tuple[float, float]) -> bool:
        return any(
            other[0] <= mine[0] and other[1] >= mine[1] and other != mine for other in points
        )

    front = [index for index, point in enumerate(points) if not beaten(point)]
    return sorted(front, key=lambda index: points[index])


def _threads(record: dict) -> int:
    return min(row["threads"] for row in record["figures"])


def _axes(title: str, **labels):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(title=title, **labels)
    axes.grid(alpha=0.3, which="both")
    return figure, axes


def _plain(axis) -> None:
    """Write a logarithmic axis's ticks as plain numbers."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter("")


def _latency(records: list[dict], title: str, path: Path) -> Path:
    figure, axes = _axes(title, xlabel="images in a batch", ylabel="ms for a batch, median")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    _plain(axes.yaxis)
    styles = {"fp32": "-", "int8": ":", "torch": "--"}
    for index, record in enumerate(records):
        lines: dict[str, list[tuple]] = {}
        for row in record["figures"]:
            if row["threads"] == _threads(record):
                lines.setdefault(row["contender"], []).append((row["batch"], row["p50_ms"]))
        for contender, points in lines.items():
            name = record["model"]["name"]
            label = {"fp32": name, "int8": f"{name} int8"}.get(contender)
            colour = f"C{index % 10}"
            axes.plot(*zip(*sorted(points), strict=True), styles[contender], c=colour, label=label)
    batches = sorted({row["batch"] for record in records for row in record["figures"]})
    axes.set_xticks(batches, map(str, batches))
    axes.plot([], [], "--", c="grey", label="torch eager")
    axes.legend(fontsize=8)
    return _save(figure, path)


def _accuracy(records: list[dict], title: str, path: Path) -> Path:
    figure, axes = _axes(title, xlabel="ms for one image, median", ylabel="top-1 on test")
    axes.set_xscale("log")
    _plain(axes.xaxis)
    points, names = [], []
    for record in records:
        for row in record["figures"]:
            known = record["variants"].get(row["contender"], {})
            offered = row["contender"] == "fp32" or known.get("accepted")
            measured = row["batch"] == 1 and row["threads"] == _threads(record)
            if measured and offered and "test_top1" in known:
                points.append((row["p50_ms"], known["test_top1"]))
                names.append(record["model"]["name"] + " int8" * (row["contender"] == "int8"))
    front = pareto(points)
    edge = [points[index] for index in front]
    axes.plot(*zip(*edge, strict=True), "-", c="C1", lw=6, alpha=0.3, label="Pareto front")
    for index, (point, name) in enumerate(zip(points, names, strict=True)):
        axes.plot(*point, "o", c="C1" if index in front else "C7")
        axes.annotate(name, point, textcoords="offset points", xytext=(5, 5), fontsize=8)
    axes.margins(0.18)
    axes.legend(fontsize=8)
    return _save(figure, path)


def _save(figure, path: Path) -> Path:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=90, metadata={"Software": None})
    write_atomically(path, picture.getvalue())
    return path
