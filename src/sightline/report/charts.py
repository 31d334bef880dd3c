"""The charts of a page: SVG that takes its text colour from the page, light or dark.

`colours` holds each model's colour by its name: the same in all charts.
"""

import io
import re
from typing import TYPE_CHECKING

from markupsafe import Markup

from sightline.drawing.charts import Line, chart, plot_lines
from sightline.report.page_model import PageModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (5.6, 3.8)  # inches: with text of 10 points it is readable on a phone and beside another


def epochs(models: list[PageModel], colours: dict[str, str], column: str) -> Markup:
    """Return a chart of a column of epochs.csv, a line each model."""
    lines = [
        Line(
            model.name,
            [int(row["epoch"]) for row in model.epochs if row[column]],
            [float(row[column]) for row in model.epochs if row[column]],
            colours[model.name],
        )
        for model in models
    ]
    return _lines("epoch", column.replace("_", " "), lines)


def parameters(models: list[PageModel], colours: dict[str, str]) -> Markup:
    """Return a chart of the figure on test against the number of parameters, a point each model."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    label = f"{models[0].key} on test"
    figure, axes = chart(SIZE, "", xlabel="parameters", ylabel=label, xscale="log")
    for model in models:
        point = model.description["parameters"], model.test_figure
        axes.plot(*point, "o", c=colours[model.name], label=model.name)
    axes.margins(0.1)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9, frameon=False)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_formatter("")
    return svg(figure, label)


def gradients(models: list[PageModel], colours: dict[str, str]) -> Markup:
    """Return a chart of the gradient's norm by step as a share of the last step's: dashed before
    training, solid after it.
    """
    lines = []
    for model in models:
        steps = model.column("gradients", "step")
        for when, style in (("before", "--"), ("after", "-")):
            norms = model.column("gradients", when)
            last = next((norm for norm in reversed(norms) if norm), 1.0)
            label = model.name if when == "after" else f"_{model.name}"  # not in the legend
            shares = [norm / last for norm in norms]
            lines.append(Line(label, steps, shares, colours[model.name], style))
    return _lines("step t", "||dLoss/dh_t||, the last step's is 1", lines, log=True)


def first_rows(models: list[PageModel], colours: dict[str, str]) -> Markup:
    """Return a chart of the figure by the number of rows seen, a line each model."""
    lines = []
    for model in models:
        rows, values = (model.column("first_rows", name) for name in ("rows", model.key))
        lines.append(Line(model.name, rows, values, colours[model.name]))
    return _lines("rows seen", models[0].words.figure_name, lines)


def _lines(x_label: str, y_label: str, lines: list[Line], log: bool = False) -> Markup:
    figure, axes = chart(SIZE, "", xlabel=x_label, ylabel=y_label)
    plot_lines(axes, lines, log)
    names = [line.label for line in lines if not line.label.startswith("_")]
    return svg(figure, f"{y_label} by {x_label}: {', '.join(names)}")


def svg(figure: "Figure", label: str) -> Markup:
    """Return a matplotlib figure as an SVG element, `label` for who cannot see it.

    Black becomes the colour of the text around it, text stays text, and the size is the page's.
    """
    from matplotlib import rc_context

    picture = io.StringIO()
    # the salt names what the drawing's parts refer to: no two charts of a page may share a name
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": label}):
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
    text = picture.getvalue()
    text = text[text.index("<svg") :].replace("#000000", "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[a-zA-Z]+[\w.]*_\d+"', "", text)  # names that nothing refers to
    box = re.findall(r'viewBox="[^"]*"', text)[0]
    body = text[text.index(">") + 1 :]
    head = Markup('<svg role="img" aria-label="{}" xmlns:xlink="http://www.w3.org/1999/xlink" ')
    return head.format(label) + Markup(f"{box}>{body}")
