"""A small anti-aliasing rasteriser whose bits are the same on every machine.

Points are moved with IEEE + - * / and sqrt, one element at a time, then rounded to 1/64 pixel;
everything after that is integer arithmetic. PIL's ImageDraw would do the same job, but its polygon
edges are C floats, which a compiler may fuse (ARM) or not (x86-64): the digests of the sample
catalogue would hold on some processors only.
"""

import random

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

Points = np.ndarray | list | tuple


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
    """Return the loops (quads and round joints) that cover a polyline of `width`."""
    half = width / 2
    step = points[1:] - points[:-1]
    length = np.sqrt(step[:, 0] * step[:, 0] + step[:, 1] * step[:, 1])
    step = step * (half / np.where(length > 0, length, 1))[:, None]
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    start, end = points[:-1], points[1:]
    quads = np.stack([start + normal, end + normal, end - normal, start - normal], axis=1)
    return [quads, points[:, None] + _KNOB * half]


def coverage(loops: list[np.ndarray], height: int, width: int):
    """Return (rows, columns, mask) of the union of closed loops, each array L x P x 2 in pixels.

    mask: int64, 0 to 256, of the bounding box; None where nothing of it lies on the canvas. Exact
    area in x, four scan lines in y; loops of either direction add, holes do not exist.
    """
    edges = []
    for loop in loops:
        fixed = np.rint(loop * PARTS).astype(np.int64).reshape(-1, loop.shape[-2], 2)
        ahead = np.roll(fixed, -1, axis=1)
        area = (fixed[..., 0] * ahead[..., 1] - ahead[..., 0] * fixed[..., 1]).sum(axis=1)
        sign = np.repeat(np.where(area < 0, -1, 1), fixed.shape[1])
        edges.append(np.stack([*fixed.reshape(-1, 2).T, *ahead.reshape(-1, 2).T, sign]))
    x0, y0, x1, y1, sign = np.concatenate(edges, axis=1)
    left = max(int(x0.min()) // PARTS, 0)
    right = min(int(x0.max()) // PARTS + 1, width)
    top = max(int(y0.min()) // PARTS, 0)
    bottom = min(int(y0.max()) // PARTS + 1, height)
    if left >= right or top >= bottom:
        return None
    columns = right - left

    down = y0 < y1
    sign = np.where(down, sign, -sign)
    x0, y0, x1, y1 = (np.where(down, *pair) for pair in ((x0, x1), (y0, y1), (x1, x0), (y1, y0)))
    # scan line k lies at k * _STEP + _STEP / 2; an edge crosses those in [y0, y1)
    first = np.clip(-((_STEP // 2 - y0) // _STEP), top * LINES, bottom * LINES)
    last = np.clip(-((_STEP // 2 - y1) // _STEP), top * LINES, bottom * LINES)
    count = last - first
    edge = np.repeat(np.arange(len(count)), count)
    line = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    x = x0[edge] + (line * _STEP + _STEP // 2 - y0[edge]) * (x1 - x0)[edge] // (y1 - y0)[edge]
    x = np.clip(x - left * PARTS, 0, columns * PARTS)
    sign = sign[edge]
    # a crossing covers all to its right: the pixel it falls in by the part that is left of it
    place = (line - top * LINES) * (columns + 2) + x // PARTS
    part = x % PARTS
    size = (bottom - top) * LINES * (columns + 2)
    steps = np.bincount(
        np.concatenate([place, place + 1]),
        np.concatenate([sign * (PARTS - part), sign * part]),
        minlength=size,
    )  # float64 sums of small integers: exact in any order
    winding = steps.astype(np.int32).reshape(-1, columns + 2).cumsum(axis=1)[:, :columns]
    cover = np.minimum(np.abs(winding), PARTS)
    return (
        slice(top, bottom),
        slice(left, right),
        cover.reshape(bottom - top, LINES, columns).sum(axis=1),
    )


class Pen:
    """Draws on one image. `pixels`: int64 H x W x C, changed in place; `rng` is the image's own.

    Figures are drawn in their own units: (0, 0) is their middle, they reach about from -1 to 1, and
    `place` says where on the image that is.
    """

    def __init__(self, pixels: np.ndarray, rng: random.Random):
        self.pixels = pixels
        self.rng = rng
        self.height, self.width = pixels.shape[:2]
        self.place(self.width / 2, self.height / 2, self.width / 2)

    def place(self, x, y, size, aspect=1.0, tilt=0.0, shear=0.0):
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
        x, y = p[..., 0], p[..., 1]
        a, b, left, c, d, top = self.frame
        return np.stack([x * a + y * b + left, x * c + y * d + top], axis=-1)

    def fill(self, points: Points, colour, shade: int = 0, opacity: int = 256):
        """Fill polygons (P x 2 or L x P x 2). `shade`: grey levels from the light top left down."""
        self._blend([np.atleast_2d(self.pixel(points))], colour, shade, opacity)

    def blob(self, points: Points, colour, shade: int = 0, opacity: int = 256):
        """Fill the smooth closed curve through the points."""
        self.fill(smooth(points, closed=True), colour, shade, opacity)

    def oval(self, x, y, rx, ry, colour, shade: int = 0, tilt: float = 0.0, opacity: int = 256):
        """Fill an ellipse with half axes rx and ry."""
        c, s = turn(tilt)
        u, v = CIRCLE[:, 0] * rx, CIRCLE[:, 1] * ry
        self.fill(np.stack([u * c - v * s + x, u * s + v * c + y], axis=1), colour, shade, opacity)

    def box(self, left, top, right, bottom, colour, shade: int = 0, opacity: int = 256):
        """Fill a rectangle."""
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        self.fill(corners, colour, shade, opacity)

    def line(self, points: Points, width: float, colour, shade: int = 0, opacity: int = 256):
        """Draw a straight-edged line with round joints; `width` in figure units."""
        self._blend(thick(self.pixel(points), width * self.size), colour, shade, opacity)

    def curve(self, points: Points, width: float, colour, shade: int = 0, opacity: int = 256):
        """Draw a smooth line through the points."""
        self.line(smooth(points), width, colour, shade, opacity)

    def strokes(self, curves: list[Points], width: float, colour):
        """Draw several polylines as one shape, so that crossings do not show."""
        loops = [loop for c in curves for loop in thick(self.pixel(c), width * self.size)]
        self._blend(loops, colour, 0, 256)

    def _blend(self, loops, colour, shade, opacity):
        found = coverage(loops, self.height, self.width)
        if found is None:
            return
        rows, columns, mask = found
        area = self.pixels[rows, columns]
        if np.ndim(colour) == 3:  # a texture: one colour for each pixel of the image
            colour = colour[rows, columns]
        if shade:
            h, w = mask.shape
            slope = np.arange(h)[:, None] * (2 * w) + np.arange(w) * h
            colour = np.asarray(colour) + (shade - 2 * shade * slope // (3 * h * w))[..., None]
        if opacity < 256:
            mask = mask * opacity >> 8
        area += ((colour - area) * mask[..., None] + 128) >> 8
