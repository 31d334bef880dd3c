"""Garments as a shop photographs them: one, flat, light on dark, in the ten kinds of Fashion-MNIST."""

import random

import numpy as np

from sightline.data.sample.canvas import Pen
from sightline.data.sample.surfaces import noise, pattern

KINDS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def _both(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the whole outline of a symmetric shape from its right half, top to bottom."""
    return right + [(-x, y) for x, y in reversed(right)]


def _cloth(pen: Pen, tone: int, kinds: str) -> np.ndarray:
    """Return a texture of the whole image: the cloth's pattern with folds in it."""
    folds = noise(pen.height, pen.width, 1, pen.rng, cells=5, spread=28)
    kind = pen.rng.choice(kinds.split())
    contrast = pen.rng.choice((-1, 1)) * pen.rng.randrange(25, 80)
    return tone + folds + contrast * pattern(kind, pen.height, pen.width, pen.rng)[..., None]


def _top(pen, cloth, sleeve: str, hem: float, waist: float, neck: float):
    """Torso and sleeves. `sleeve`: none, short or long; hem and waist: how far down, how wide."""
    r = pen.rng.uniform
    shoulder, wide = r(0.44, 0.54), r(-0.06, 0.06)
    out, arm = r(-0.08, 0.12), r(0.18, 0.25)
    body = [(neck, -0.88), (shoulder, -0.76), (0.4 + wide, -0.3), (waist + wide, 0.15),
            (0.42 + wide, hem)]  # fmt: skip
    if sleeve != "none":
        if sleeve == "short":
            cuff = (0.8 + out, -0.28 + r(-0.08, 0.12))
        else:
            cuff = (0.66 + out, 0.52 + r(-0.1, 0.15))
        for side in (1, -1):
            pen.fill([(side * (shoulder - 0.12), -0.82), (side * shoulder, -0.76),
                      (side * (cuff[0] + arm / 2), cuff[1] - 0.06),
                      (side * (cuff[0] - arm / 2), cuff[1] + 0.04),
                      (side * 0.36, -0.3)], cloth - 12, shade=10)  # fmt: skip
    pen.fill(_both(body), cloth, shade=18)
    return cuff if sleeve != "none" else None


def _collar(pen, tone, neck):
    for side in (1, -1):
        pen.fill([(0, -0.68), (side * neck, -0.94), (side * (neck + 0.12), -0.74),
                  (side * 0.1, -0.5)], (tone,))  # fmt: skip


def t_shirt(pen, tone):
    neck = pen.rng.uniform(0.16, 0.28)
    cloth = _cloth(pen, tone, "plain plain stripes print print")
    sleeve = "none" if pen.rng.random() < 0.15 else "short"
    _top(pen, cloth, sleeve, pen.rng.uniform(0.6, 0.9), pen.rng.uniform(0.36, 0.44), neck)
    pen.oval(0, -0.89, neck, pen.rng.uniform(0.08, 0.3), (tone // 4,))


def pullover(pen, tone):
    neck = pen.rng.uniform(0.16, 0.24)
    cloth = _cloth(pen, tone, "plain knit knit stripes bands")
    hem = pen.rng.uniform(0.62, 0.85)
    cuff = _top(pen, cloth, "long", hem, 0.4, neck)
    pen.oval(0, -0.9, neck, 0.1, (tone // 3,))
    rib = (max(tone - 55, 20),)
    pen.box(-0.42, hem - 0.08, 0.42, hem, rib, opacity=170)
    for side in (1, -1):
        pen.oval(side * cuff[0], cuff[1], 0.12, 0.06, rib, opacity=170)


def shirt(pen, tone):
    neck = pen.rng.uniform(0.14, 0.2)
    cloth = _cloth(pen, tone, "plain plain checks lines print")
    sleeve = "short" if pen.rng.random() < 0.3 else "long"
    hem = pen.rng.uniform(0.65, 0.92)
    _top(pen, cloth, sleeve, hem, pen.rng.uniform(0.34, 0.42), neck)
    pen.oval(0, hem, 0.36, 0.1, cloth)
    _collar(pen, min(tone + 35, 255), neck)
    line = (max(tone - 60, 10),) if tone > 90 else (tone + 70,)
    pen.line([(0, -0.55), (0, hem)], 0.035, line, opacity=150)
    for i in range(5):
        pen.oval(0.01, -0.4 + 0.28 * i, 0.04, 0.04, line)


def coat(pen, tone):
    neck = pen.rng.uniform(0.16, 0.24)
    cloth = _cloth(pen, tone, "plain plain plain checks knit")
    hem = pen.rng.uniform(0.82, 1.0)
    _top(pen, cloth, "long", hem, pen.rng.uniform(0.36, 0.42), neck)
    dark = (max(tone - 75, 0),)
    opening = pen.rng.uniform(0.03, 0.2)
    pen.fill([(0, -0.45), (opening, hem), (-opening, hem)], dark)
    for side in (1, -1):
        pen.fill([(side * neck, -0.92), (side * (neck + 0.14), -0.7), (side * 0.2, -0.3),
                  (0, 0.05)], (min(tone + 30, 255),), shade=15)  # fmt: skip
        pen.line([(side * 0.18, 0.3), (side * 0.34, 0.26)], 0.05, dark)


def dress(pen, tone):
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain print stripes lines")
    strap, bust, waist, hem = r(0.12, 0.24), r(0.24, 0.3), r(0.16, 0.24), r(0.28, 0.55)
    if pen.rng.random() < 0.5:
        end = r(-0.55, 0.3)
        for side in (1, -1):
            pen.line([(side * 0.24, -0.78), (side * r(0.36, 0.46), end)], 0.14, cloth - 15)
    pen.fill(_both([(strap, -0.95), (bust, -0.88), (bust, -0.5), (waist, r(-0.3, -0.05)),
                    (hem, r(0.85, 1.0))]), cloth, shade=18)  # fmt: skip
    pen.fill([(strap, -0.97), (-strap, -0.97), (0, r(-0.85, -0.6))], (0,))
    if pen.rng.random() < 0.4:
        pen.line([(-waist, -0.15), (waist, -0.15)], 0.08, (max(tone - 80, 0),))


def trouser(pen, tone):
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain plain lines checks")
    hip, foot, gap = r(0.26, 0.36), r(0.12, 0.24), r(0.06, 0.26)
    for side in (1, -1):
        pen.fill([(0, -0.95), (side * (hip - 0.05), -0.95), (side * hip, -0.45),
                  (side * (gap + foot), 0.96), (side * gap, 0.96), (0, -0.3)],
                 cloth, shade=18)  # fmt: skip
    pen.line([(0, -0.9), (0, -0.3)], 0.04, (max(tone - 60, 0),))
    pen.line([(-hip + 0.05, -0.9), (hip - 0.05, -0.9)], 0.07, (max(tone - 50, 0),))


def sandal(pen, tone):
    r = pen.rng.uniform
    heel = r(0, 0.5)
    sole = [(-0.9, 0.42 - heel), (-0.5, 0.4 - heel * 0.8), (0.2, 0.5), (0.92, 0.45), (0.92, 0.56),
            (0.2, 0.62), (-0.45, 0.52 - heel * 0.8), (-0.88, 0.54 - heel)]  # fmt: skip
    pen.fill(sole, (tone,), shade=20)
    if heel > 0.15:
        pen.fill(
            [(-0.9, 0.5 - heel), (-0.6, 0.5 - heel), (-0.7, 0.62), (-0.82, 0.62)], (tone - 20,)
        )
    strap = (min(tone + pen.rng.randrange(-40, 40), 255),)
    for _ in range(pen.rng.randrange(2, 5)):
        at = r(-0.1, 0.8)
        pen.curve([(at - 0.15, 0.45), (at, r(-0.05, 0.15)), (at + 0.2, 0.48)], r(0.06, 0.13), strap)
    if pen.rng.random() < 0.7:
        top = r(-0.6, -0.1) - heel / 2
        pen.curve([(-0.88, 0.4 - heel), (-0.85, top), (-0.4, top), (0.0, 0.3)], r(0.06, 0.1), strap)


def sneaker(pen, tone):
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain print")
    top, mouth = r(-0.35, -0.1), r(-0.3, 0.0)
    pen.blob([(-0.9, top - 0.02), (-0.75, top + 0.05), (mouth, top + 0.02), (0.35, 0.12),
              (0.85, 0.25), (0.93, 0.5), (0.0, 0.55), (-0.9, 0.5)], cloth, shade=20)  # fmt: skip
    sole = (235,) if tone < 150 else (max(tone - 90, 40),)
    pen.fill([(-0.95, 0.42), (0.96, 0.42), (0.94, 0.6), (-0.92, 0.6)], sole)
    for i in range(3):
        pen.line([(mouth + 0.15 * i, top + 0.1 + 0.1 * i), (mouth + 0.16 * i + 0.12, top + 0.22 + 0.1 * i)],
                 0.05, sole)  # fmt: skip
    if pen.rng.random() < 0.6:
        pen.curve([(-0.6, 0.1), (-0.3, 0.35), (0.25, 0.1)], 0.09, sole)


def ankle_boot(pen, tone):
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain plain print")
    top, heel, shaft = r(-0.95, -0.55), r(0.0, 0.22), r(0.0, 0.2)
    pen.fill([(-0.8, top), (-0.05 + shaft, top), (0.05 + shaft, -0.05), (0.5, 0.15), (0.88, 0.3),
              (0.92, 0.6), (-0.2, 0.6), (-0.82, 0.6)], cloth, shade=22)  # fmt: skip
    dark = (max(tone - 80, 25),)
    pen.box(-0.82, 0.56, 0.95, 0.66, dark)
    pen.box(-0.82, 0.6, -0.4, 0.68 + heel, dark)
    if pen.rng.random() < 0.5:
        pen.line([(-0.4, top + 0.05), (-0.35, 0.4)], 0.05, dark)
    else:
        for i in range(4):
            pen.line([(-0.1, top + 0.15 + 0.14 * i), (0.1, top + 0.12 + 0.14 * i)], 0.05, dark)


def bag(pen, tone):
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain checks knit print")
    top, wide, low = r(-0.35, 0.0), r(0.65, 0.92), r(0.5, 0.8)
    rise = r(-0.95, -0.55)
    for side in (0.35, -0.35) if pen.rng.random() < 0.4 else (0,):
        half = 0.3 if side else wide * r(0.4, 0.75)
        pen.curve([(side - half, top + 0.05), (side - half * 0.8, rise + 0.15), (side, rise),
                   (side + half * 0.8, rise + 0.15), (side + half, top + 0.05)],
                  r(0.07, 0.14), (tone - 25,))  # fmt: skip
    pen.fill(_both([(wide - r(0, 0.2), top), (wide, low)]), cloth, shade=25)
    dark = (max(tone - 70, 10),)
    if pen.rng.random() < 0.6:
        pen.fill(_both([(wide * 0.9, top), (wide * r(0.2, 0.8), top + r(0.25, 0.5))]), cloth - 30)
        pen.oval(0, top + 0.35, 0.08, 0.08, (250,))
    else:
        pen.line([(-wide * 0.85, top + 0.12), (wide * 0.85, top + 0.12)], 0.06, dark)


_DRAW = (t_shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle_boot)


def garment(label: int, rng: random.Random) -> np.ndarray:
    """Draw one garment as Fashion-MNIST shows it: uint8 28 x 28, light on dark."""
    pen = Pen(28, 28, 1, rng)
    pen.place(
        14 + rng.uniform(-1.5, 1.5), 14 + rng.uniform(-1.5, 1.5), rng.uniform(10.5, 13.8),
        aspect=rng.uniform(0.85, 1.15), tilt=rng.uniform(-0.05, 0.05), shear=rng.uniform(-0.08, 0.08),
    )  # fmt: skip
    _DRAW[label](pen, rng.randrange(70, 235))
    return pen.picture()[..., 0]
