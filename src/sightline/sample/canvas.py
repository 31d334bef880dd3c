"""A small anti-aliasing rasteriser whose bits are the same on every machine.

Points are moved with IEEE + - * / and sqrt, one element at a time, then rounded to 1/64 pixel;
everything after that is integer arithmetic. PIL's ImageDraw would do the same job, but its polygon
edges are C floats, which a compiler may fuse (ARM) or not (x86-64): the digests of the sample
catalogue would hold on some processors only.
"""

import random
from collections.abc import Sequence

import numpy as np

LINES = 4  # scan lines in a pixel row
PARTS = 64  # parts of a pixel, in x and in y
_STEP = PARTS // LINES

# Quarter of a circle from the rational parametrisation ((1-t²), 2t) / (1+t²): no sine, no libm.
_T = np.arange(6) / 6
_QUARTER = np.stack([(1 - _T * _T) / (1 + _T * _T), 2 * _T / (1 + _T * _T)], axis=1)
CIRCLE = np.concatenate(
    [
        _QUARTER * (1, 1),
        _QUARTER[:, ::-1] * (-1, 1),
        _QUARTER * (-1, -1),
        _QUARTER[:, ::-1] * (1, -1),
    ]
)
_KNOB = CIRCLE[::3]

# Catmull-Rom weights of four neighbouring points at four places between the middle two.
_U = np.arange(4)[:, None] / 4
_SPLINE = (
    (-_U + 2 * _U * _U - _U * _U * _U) / 2,
    (2 - 5 * _U * _U + 3 * _U * _U * _U) / 2,
    (_U + 4 * _U * _U - 3 * _U * _U * _U) / 2,
    (-_U * _U + _U * _U * _U) / 2,
)

Points = np.ndarray | Sequence[Sequence[float]]  # ... x 2
Colour = tuple[int, ...]  # grey, or red, green and blue: 0 to 255
Fill = Colour | np.ndarray  # a colour, or a texture: one for each pixel of the image, H x W x C
Box = tuple[slice, slice, np.ndarray]  # rows and columns of a shape, and its mask there


def turn(t: float) -> tuple[float, float]:
    """Return cosine and sine of the angle whose half has tangent `t` (0.1: 11.4 degrees)."""
    return (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)


def smooth(points: Points, closed: bool = False) -> np.ndarray:
    """Return the Catmull-Rom curve through `points` (P x 2), four points a step.

    A point given twice makes a corner. Source: Catmull and Rom, "A class of local interpolating
    splines", 1974.
    """
    p = np.asarray(points, float)
    p = np.concatenate([p[-1:], p, p[:2]] if closed else [p[:1], p, p[-1:]])
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    w = _SPLINE
    curve = (a * w[0] + b * w[1] + c * w[2] + d * w[3]).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def thick(points: np.ndarray, width: float) -> list[np.ndarray]:
    """Return the loops (quads, round joints) that cover a polyline, all turning the same way."""
    half = width / 2
    start, end = points[:-1], points[1:]
    step = end - start
    x, y = step[:, 0], step[:, 1]
    length = np.sqrt(x * x + y * y)
    step *= (half / (length + (length == 0)))[:, None]
    quads = np.empty((len(step), 4, 2))
    quads[:, 0], quads[:, 1], quads[:, 2], quads[:, 3] = start, end, end, start
    normal = np.empty_like(step)
    normal[:, 0], normal[:, 1] = step[:, 1], -step[:, 0]
    quads[:, :2] += normal[:, None]
    quads[:, 2:] -= normal[:, None]
    return [quads, points[:, None] + _KNOB * half]


def coverage(shapes: Sequence[Sequence[np.ndarray]], height: int, width: int) -> list[Box | None]:
    """Return (rows, columns, mask) for each shape, the union of closed loops (... x P x 2, pixels).

    mask: int64, 0 to 256, of the shape's bounding box; None for a shape beside the canvas. Exact
    area in x, four scan lines in y. All loops of one shape must turn the same way. All shapes are
    computed together because the cost is that of the calls, not of the arithmetic.
    """
    loops = [np.rint(loop * PARTS).astype(np.int64) for shape in shapes for loop in shape]
    ahead = [np.concatenate([loop[..., 1:, :], loop[..., :1, :]], axis=-2) for loop in loops]
    start = np.concatenate([loop.reshape(-1, 2) for loop in loops]).T
    end = np.concatenate([loop.reshape(-1, 2) for loop in ahead]).T
    edges = np.array([sum(loop.size for loop in shape) // 2 for shape in shapes])
    boxes = _boxes(start, np.cumsum(edges) - edges, height, width)
    left, right, top, bottom = boxes
    stride = right - left + 2
    size = stride * LINES * (bottom - top)
    offset = np.cumsum(size) - size

    of_edge = np.repeat(np.array([*boxes, stride, offset]), edges, axis=1)
    steps = _steps(start, end, of_edge, int(size.sum()))
    # a line's steps add up to zero, so one running sum serves all lines of all shapes
    cover = np.minimum(np.abs(np.cumsum(steps)), PARTS)
    masks = []
    for x0, x1, y0, y1, wide, at in np.array([*boxes, stride, offset]).T.tolist():
        mask = cover[at : at + wide * LINES * (y1 - y0)].reshape(-1, LINES, max(wide, 1))
        box = (slice(y0, y1), slice(x0, x1), mask.sum(axis=1)[:, :-2])
        masks.append(box if y0 < y1 else None)
    return masks


def _boxes(
    corners: np.ndarray, first: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return left, right, top, bottom of each shape in pixels; beside the canvas: no rows.

    `corners`: 2 x P, x and y of all shapes, `first`: where each shape's begin.
    """
    x, y = corners
    left = np.maximum(np.minimum.reduceat(x, first) // PARTS, 0)
    right = np.minimum(np.maximum.reduceat(x, first) // PARTS + 1, width)
    top = np.maximum(np.minimum.reduceat(y, first) // PARTS, 0)
    bottom = np.minimum(np.maximum.reduceat(y, first) // PARTS + 1, height)
    bottom = np.maximum(np.where(left < right, bottom, top), top)
    return left, right, top, bottom


def _steps(start: np.ndarray, end: np.ndarray, of_edge: np.ndarray, size: int) -> np.ndarray:
    """Return by how much the coverage changes from each place of all scan lines to the next.

    Each edge adds, on each scan line that it crosses, all of a pixel from the crossing on.
    """
    (x0, y0), (x1, y1), (_, _, top, bottom, _, _) = start, end, of_edge
    # scan line k lies at y = (k + 1/2) * _STEP; an edge crosses those between its ends
    first = (y0 + (_STEP // 2 - 1)) // _STEP
    last = (y1 + (_STEP // 2 - 1)) // _STEP
    upper = np.maximum(np.minimum(first, last), top * LINES)
    lower = np.minimum(np.maximum(first, last), bottom * LINES)
    count = np.maximum(lower - upper, 0)
    line = np.arange(count.sum()) + np.repeat(upper - np.cumsum(count) + count, count)
    of_edge = np.array([x0, y0, x1 - x0, y1 - y0, np.sign(last - first), *of_edge])
    x0, y0, run, rise, sign, left, right, top, _, stride, offset = np.repeat(of_edge, count, axis=1)
    x = x0 + (line * _STEP + _STEP // 2 - y0) * run // rise
    x = np.minimum(np.maximum(x, left * PARTS), right * PARTS) - left * PARTS
    place = offset + (line - top * LINES) * stride + x // PARTS
    part = sign * (x % PARTS)  # of the pixel that the crossing falls in, what lies left of it
    steps = np.bincount(place, PARTS * sign - part, size)  # float64 sums of small integers: exact
    steps += np.bincount(place + 1, part, size)
    return steps.astype(np.int64)


def _moved(
    x: np.ndarray,
    y: np.ndarray,
    a: float,
    b: float,
    left: float,
    c: float,
    d: float,
    top: float,
) -> np.ndarray:
    """Return the points (... x 2) whose x is a x + b y + left, and whose y is c x + d y + top."""
    moved = np.empty((*x.shape, 2))
    moved[..., 0] = x * a + y * b + left
    moved[..., 1] = x * c + y * d + top
    return moved


class Pen:
    """Draws one image, `height` x `width` x `channels`; `rng` is the image's own.

    Figures are drawn in their own units: (0, 0) is their middle, they reach about from -1 to 1, and
    `place` says where on the image that is.
    """

    def __init__(self, height: int, width: int, channels: int, rng: random.Random) -> None:
        self.height, self.width, self.rng = height, width, rng
        self._pixels = np.zeros((height, width, channels), np.int64)
        self._waiting: list[tuple[list[np.ndarray], Fill, int, int]] = []
        self.place(width / 2, height / 2, width / 2)

    @property
    def pixels(self) -> np.ndarray:
        """The image with all that was drawn so far: int64 H x W x C, open to changes in place."""
        if self._waiting:
            loops = [shape[0] for shape in self._waiting]
            for box, shape in zip(
                coverage(loops, self.height, self.width), self._waiting, strict=True
            ):
                if box:
                    _blend(self._pixels, box, *shape[1:])
            self._waiting = []
        return self._pixels

    def picture(self) -> np.ndarray:
        """Return the image as uint8 H x W x C."""
        return np.minimum(np.maximum(self.pixels, 0), 255).astype(np.uint8)

    def place(
        self,
        x: float,
        y: float,
        size: float,
        aspect: float = 1.0,
        tilt: float = 0.0,
        shear: float = 0.0,
    ) -> None:
        """Put the figure's middle at pixel (x, y), `size` pixels from middle to edge.

        `tilt`: tangent of half the angle, clockwise; `shear`: x gained per unit of y; a negative
        `aspect` mirrors.
        """
        c, s = turn(tilt)
        self.size = size
        self.frame = (
            size * c * aspect,
            size * (c * shear - s),
            x,
            size * s * aspect,
            size * (s * shear + c),
            y,
        )

    def pixel(self, points: Points) -> np.ndarray:
        """Return points (... x 2) of the figure as pixels of the image."""
        p = np.asarray(points, float)
        return _moved(p[..., 0], p[..., 1], *self.frame)

    def fill(self, points: Points, colour: Fill, shade: int = 0, opacity: int = 256) -> None:
        """Fill a polygon (P x 2). `shade`: grey levels from the light top left down."""
        self._draw([self.pixel(points)], colour, shade, opacity)

    def blob(self, points: Points, colour: Fill, shade: int = 0, opacity: int = 256) -> None:
        """Fill the smooth closed curve through the points."""
        self.fill(smooth(points, closed=True), colour, shade, opacity)

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        colour: Fill,
        shade: int = 0,
        tilt: float = 0.0,
        opacity: int = 256,
    ) -> None:
        """Fill an ellipse with half axes rx and ry."""
        c, s = turn(tilt)
        a, b, left, d, e, top = self.frame
        loop = _moved(
            CIRCLE[:, 0], CIRCLE[:, 1],
            (a * c + b * s) * rx, (b * c - a * s) * ry, x * a + y * b + left,
            (d * c + e * s) * rx, (e * c - d * s) * ry, x * d + y * e + top,
        )  # fmt: skip
        self._draw([loop], colour, shade, opacity)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        colour: Fill,
        shade: int = 0,
        opacity: int = 256,
    ) -> None:
        """Fill a rectangle."""
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        self.fill(corners, colour, shade, opacity)

    def line(
        self, points: Points, width: float, colour: Fill, shade: int = 0, opacity: int = 256
    ) -> None:
        """Draw a straight-edged line with round joints; `width` in figure units."""
        self._draw(thick(self.pixel(points), width * self.size), colour, shade, opacity)

    def curve(
        self, points: Points, width: float, colour: Fill, shade: int = 0, opacity: int = 256
    ) -> None:
        """Draw a smooth line through the points."""
        self.line(smooth(points), width, colour, shade, opacity)

    def strokes(self, curves: Sequence[Points], width: float, colour: Fill) -> None:
        """Draw several polylines as one shape, so that crossings do not show."""
        loops = [loop for c in curves for loop in thick(self.pixel(c), width * self.size)]
        self._draw(loops, colour, 0, 256)

    def _draw(self, loops: list[np.ndarray], colour: Fill, shade: int, opacity: int) -> None:
        self._waiting.append((loops, colour, shade, opacity))


def _blend(pixels: np.ndarray, box: Box, colour: Fill, shade: int, opacity: int) -> None:
    rows, columns, mask = box
    area = pixels[rows, columns]
    tone: np.ndarray = np.asarray(colour)
    if tone.ndim == 3:  # a texture: one colour for each pixel of the image
        tone = tone[rows, columns]
    if shade:
        height, width = mask.shape
        down = shade - 4 * shade * np.arange(height) // (3 * height)
        across = 2 * shade * np.arange(width) // (3 * width)
        tone = tone + (down[:, None] - across)[..., None]
    if opacity < 256:
        mask = mask * opacity >> 8
    change: np.ndarray = tone - area
    change *= mask[..., None]
    change += 128
    change >>= 8
    area += change
