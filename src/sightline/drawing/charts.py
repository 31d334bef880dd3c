"""Charts by matplotlib: no display, no global state; equal figures, equal bytes."""

import colorsys
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline.drawing.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# mid-tones, so that lines can be told apart on white and on black
COLOURS = ["#3b82f6", "#f97316", "#16a34a", "#dc2626", "#9333ea", "#0d9488", "#ca8a04", "#db2777"]
ENLARGED = 32  # pixels of width that a small image in a row gets at least
MARKED = 30  # points up to which a line shows each
_GOLDEN = 0.618034  # of a turn of the colour wheel: no two of many such steps fall together


@dataclass(frozen=True)
class Line:
    """One line of a chart; `style` is matplotlib's."""

    label: str
    x: Sequence[float]
    y: Sequence[float] | np.ndarray
    colour: str
    style: str = "-"


def colour(place: int) -> str:
    """Return the colour of a line by its place: those of COLOURS, then others, no two alike."""
    if place < len(COLOURS):
        return COLOURS[place]
    later = place - len(COLOURS)
    lightness = (0.35, 0.6)[later % 2]  # neighbours differ by it too
    red, green, blue = colorsys.hls_to_rgb((later + 0.5) * _GOLDEN % 1, lightness, 0.6)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def canvas(size: tuple[float, float], title: str) -> "Figure":
    """Return an empty matplotlib figure of `size` inches: no display, no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    return figure


def chart(size: tuple[float, float], title: str, **labels: Any) -> "tuple[Figure, Axes]":
    """Return an empty figure of `size` inches, as `canvas`, and its axes."""
    figure = canvas(size, title)
    return figure, figure.add_subplot(**labels)


def png(figure: "Figure") -> bytes:
    """Return a matplotlib figure as PNG, its texts as they are: none is taken for a formula."""
    _write_out(figure)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100, metadata={"Software": None})  # no version in the bytes
    return picture.getvalue()


def _write_out(figure: "Figure") -> None:
    """Make the texts of a figure printable, and escape the sign that begins a formula."""
    from matplotlib.text import Text
    from matplotlib.ticker import FuncFormatter

    for text in figure.findobj(Text):  # those at ticks are written anew when they are drawn
        text.set_text(_literal(text.get_text()))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FuncFormatter):  # names; numbers have formatters of their own
                named = formatter.func
                axis.set_major_formatter(lambda *place, named=named: _literal(named(*place)))


def _literal(text: str) -> str:
    return printable(text).replace("$", r"\$")


def plot_lines(axes: "Axes", lines: Sequence[Line], log: bool = False) -> None:
    """Plot lines over counted x, with a legend where there are several; with `log` what is not
    above 0 is left out.
    """
    for line in lines:
        y = np.asarray(line.y, float)
        if log:
            y = np.where(y > 0, y, np.nan)
        marker = "o" if len(y) <= MARKED else ""
        axes.plot(line.x, y, line.style, c=line.colour, label=line.label, marker=marker, ms=3)
    if log:
        axes.set_yscale("log")
    # there is no half an epoch, step or row
    axes.locator_params("x", integer=True)  # pyright: ignore
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend(fontsize=9, frameon=False)


def bare(axes: "Axes") -> "Axes":
    """Return axes without ticks and frame; labels stay."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return axes


def show_image(axes: "Axes", image: np.ndarray, alpha: float = 1.0) -> None:
    """Show an image, uint8 H x W x C with 1 or 3 channels, pixel by pixel."""
    pixels = image[..., 0] if image.shape[2] == 1 else image
    bare(axes).imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest", alpha=alpha)


def side_by_side(images: np.ndarray, places: int) -> np.ndarray:
    """Return images K x h x w (x 1 or 3), float, as one: H x W or, coloured, H x W x 4 (RGBA).

    There is room for `places` of them; small ones are enlarged. What is between and behind them
    is left out: NaN, or transparent.
    """
    enlarge = -(-ENLARGED // images.shape[2])
    images = images.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    if images.ndim == 4 and images.shape[3] == 3:
        images = np.concatenate([images, np.ones((*images.shape[:3], 1))], axis=3)
    elif images.ndim == 4:
        images = images[..., 0]
    _, height, width, *colours = images.shape
    gap = width // 10
    sheet = np.full((height, places * (width + gap) - gap, *colours), 0.0 if colours else np.nan)
    for place, image in enumerate(images):
        left = place * (width + gap)
        sheet[:, left : left + width] = image
    return sheet
