"""Garments as a shop photographs them, flat, light on dark: the ten kinds of Fashion-MNIST."""

# One point a line would tear the figures apart.
# fmt: off
import random

import numpy as np

from sightline.sample.canvas import Pen
from sightline.sample.surfaces import noise, pattern


def _both(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the whole outline of a symmetric shape from its right half, top to bottom."""
    return right + [(-x, y) for x, y in reversed(right)]


def _cloth(pen: Pen, tone: int, kinds: str) -> np.ndarray:
    """Return a texture of the whole image: the cloth's pattern with folds in it."""
    folds = noise(pen.height, pen.width, 1, pen.rng, cells=5, spread=28)
    kind = pen.rng.choice(kinds.split())
    contrast = pen.rng.randrange(25, 80) // (3 if kind == "knit" else 1)
    contrast = contrast if tone < 130 else -contrast
    return tone + folds + contrast * pattern(kind, pen.height, pen.width, pen.rng)[..., None]


def _top(pen: Pen, cloth: np.ndarray, cuff: tuple[float, float], hem: float, neck: float) -> None:
    """Torso and sleeves; the sleeves end at `cuff` (none: (0, 0)), the torso at `hem`."""
    r = pen.rng.uniform
    shoulder, chest, arm = r(0.42, 0.54), r(0.32, 0.44), r(0.18, 0.26)
    for side in (1, -1) if any(cuff) else ():
        pen.fill([(side * (shoulder - 0.12), -0.82), (side * shoulder, -0.76),
                  (side * (cuff[0] + arm / 2), cuff[1] - 0.06),
                  (side * (cuff[0] - arm / 2), cuff[1] + 0.04), (side * 0.36, -0.3)],
                 cloth - 12, shade=10)
    pen.fill(_both([(neck, -0.88), (shoulder, -0.76), (chest, -0.3), (chest - r(0.0, 0.06), 0.15),
                    (chest + r(-0.02, 0.08), hem)]), cloth, shade=18)


def _long(pen: Pen) -> tuple[float, float]:
    return pen.rng.uniform(0.62, 0.84), pen.rng.uniform(0.4, 0.68)


def _short(pen: Pen) -> tuple[float, float]:
    return pen.rng.uniform(0.7, 0.92), pen.rng.uniform(-0.4, -0.08)


def _front(pen: Pen, tone: int, hem: float, faint: int) -> None:
    """A line down the front, with buttons or without; `faint`: how little it may show, of 256."""
    line = (max(tone - 60, 10),) if tone > 90 else (tone + 70,)
    shows = pen.rng.randrange(faint, 220)
    pen.line([(0, -0.6), (0, hem)], 0.04, line, opacity=shows)
    if pen.rng.random() < 0.6:
        for i in range(5):
            pen.oval(0.01, -0.4 + 0.28 * i, 0.045, 0.045, line, opacity=shows)


def t_shirt(pen: Pen, tone: int) -> None:
    """A T-shirt, a polo shirt or a sleeveless top."""
    neck, hem = pen.rng.uniform(0.14, 0.28), pen.rng.uniform(0.5, 0.92)
    cloth = _cloth(pen, tone, "plain plain stripes print lines")
    _top(pen, cloth, (0, 0) if pen.rng.random() < 0.2 else _short(pen), hem, neck)
    pen.oval(0, -0.89, neck, pen.rng.uniform(0.06, 0.3), (tone // 4,))
    if pen.rng.random() < 0.2:
        _front(pen, tone, -0.3, 60)


def pullover(pen: Pen, tone: int) -> None:
    """Long sleeves, a round neck or a zip, ribs at cuffs and hem."""
    neck, hem = pen.rng.uniform(0.14, 0.24), pen.rng.uniform(0.55, 0.92)
    cloth = _cloth(pen, tone, "plain knit stripes bands plaid")
    cuff = _long(pen)
    _top(pen, cloth, cuff, hem, neck)
    pen.oval(0, -0.9, neck, pen.rng.uniform(0.05, 0.16), (tone // 3,))
    rib, shows = (max(tone - 55, 20),), pen.rng.randrange(20, 190)
    pen.box(-0.42, hem - 0.08, 0.42, hem, rib, opacity=shows)
    for side in (1, -1):
        pen.oval(side * cuff[0], cuff[1], 0.12, 0.06, rib, opacity=shows)
    if pen.rng.random() < 0.2:
        _front(pen, tone, pen.rng.uniform(-0.3, hem), 50)


def shirt(pen: Pen, tone: int) -> None:
    """A collar, a front that buttons, a rounded hem."""
    neck, hem = pen.rng.uniform(0.12, 0.22), pen.rng.uniform(0.55, 0.92)
    cloth = _cloth(pen, tone, "plain stripes plaid lines print")
    _top(pen, cloth, _short(pen) if pen.rng.random() < 0.35 else _long(pen), hem, neck)
    pen.oval(0, hem, 0.36, pen.rng.uniform(0.0, 0.12), cloth)
    for side in (1, -1):
        pen.fill([(0, -0.68), (side * neck, -0.94), (side * (neck + 0.12), -0.74),
                  (side * 0.1, -0.5)], (min(tone + 35, 255),), opacity=pen.rng.randrange(60, 256))
    _front(pen, tone, hem, 30)


def coat(pen: Pen, tone: int) -> None:
    """Long, open or buttoned, with lapels or a high collar, and pockets."""
    neck, hem = pen.rng.uniform(0.14, 0.24), pen.rng.uniform(0.7, 1.0)
    cloth = _cloth(pen, tone, "plain plain bands plaid knit")
    _top(pen, cloth, _long(pen), hem, neck)
    dark = (max(tone - 75, 0),)
    if pen.rng.random() < 0.6:
        opening = pen.rng.uniform(0.02, 0.16)
        pen.fill([(0, -0.45), (opening, hem), (-opening, hem)], dark)
    else:
        _front(pen, tone, hem, 60)
    shows = pen.rng.randrange(40, 256)
    for side in (1, -1):
        pen.fill([(side * neck, -0.92), (side * (neck + 0.14), -0.7), (side * 0.2, -0.3),
                  (0, pen.rng.uniform(-0.5, 0.05))], (min(tone + 30, 255),), opacity=shows)
        pen.line([(side * 0.18, 0.3), (side * 0.34, 0.26)], 0.05, dark, opacity=shows)


def dress(pen: Pen, tone: int) -> None:
    """Narrow at the waist, with or without sleeves."""
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain print stripes lines")
    strap, bust, waist, hem = r(0.12, 0.3), r(0.24, 0.36), r(0.16, 0.32), r(0.24, 0.55)
    if pen.rng.random() < 0.5:
        end = r(-0.55, 0.3)
        for side in (1, -1):
            pen.line([(side * 0.24, -0.78), (side * r(0.36, 0.56), end)], 0.16, cloth - 15)
    pen.fill(_both([(strap, -0.95), (bust, -0.88), (bust, -0.5), (waist, r(-0.3, -0.05)),
                    (hem, r(0.85, 1.0))]), cloth, shade=18)
    pen.fill([(strap, -0.97), (-strap, -0.97), (0, r(-0.85, -0.6))], (0,))
    if pen.rng.random() < 0.4:
        pen.line([(-waist, -0.15), (waist, -0.15)], 0.08, (max(tone - 80, 0),))


def trouser(pen: Pen, tone: int) -> None:
    """Two legs, a waistband."""
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain plain lines plaid")
    hip, foot, gap = r(0.26, 0.36), r(0.12, 0.24), r(0.06, 0.26)
    for side in (1, -1):
        pen.fill([(0, -0.95), (side * (hip - 0.05), -0.95), (side * hip, -0.45),
                  (side * (gap + foot), 0.96), (side * gap, 0.96), (0, -0.3)], cloth, shade=18)
    pen.line([(0, -0.9), (0, -0.3)], 0.04, (max(tone - 60, 0),))
    pen.line([(-hip + 0.05, -0.9), (hip - 0.05, -0.9)], 0.07, (max(tone - 50, 0),))


def sandal(pen: Pen, tone: int) -> None:
    """A sole, flat or on a heel, and straps."""
    r = pen.rng.uniform
    heel = r(0, 0.5)
    sole = [(-0.9, 0.42 - heel), (-0.5, 0.4 - heel * 0.8), (0.2, 0.5), (0.92, 0.42), (0.92, 0.58),
            (0.2, 0.62), (-0.45, 0.52 - heel * 0.8), (-0.88, 0.54 - heel)]
    pen.fill(sole, (tone,), shade=20)
    if heel > 0.15:
        pen.fill([(-0.9, 0.5 - heel), (-0.6, 0.5 - heel), (-0.7, 0.62), (-0.82, 0.62)],
                 (tone - 20,))
    strap = (min(tone + pen.rng.randrange(-40, 40), 255),)
    for _ in range(pen.rng.randrange(2, 5)):
        at = r(-0.1, 0.8)
        pen.curve([(at - 0.15, 0.45), (at, r(-0.05, 0.15)), (at + 0.2, 0.48)], r(0.06, 0.13), strap)
    if pen.rng.random() < 0.7:
        top = r(-0.6, -0.1) - heel / 2
        pen.curve([(-0.88, 0.4 - heel), (-0.85, top), (-0.4, top), (0.0, 0.3)], r(0.06, 0.1), strap)


def sneaker(pen: Pen, tone: int) -> None:
    """A low shoe with laces on a contrasting sole."""
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain print")
    top, mouth = r(-0.65, -0.1), r(-0.3, 0.0)
    pen.blob([(-0.9, top - 0.02), (-0.75, top + 0.05), (mouth, top + 0.02), (0.35, 0.12),
              (0.85, 0.25), (0.93, 0.5), (0.0, 0.55), (-0.9, 0.5)], cloth, shade=20)
    sole = (235,) if tone < 150 else (max(tone - 90, 40),)
    pen.fill([(-0.95, 0.42), (0.96, 0.42), (0.94, 0.6), (-0.92, 0.6)], sole)
    for i in range(3):
        pen.line([(mouth + 0.15 * i, top + 0.1 + 0.1 * i), (mouth + 0.16 * i + 0.12,
                                                            top + 0.22 + 0.1 * i)], 0.05, sole)
    if pen.rng.random() < 0.6:
        pen.curve([(-0.6, 0.1), (-0.3, 0.35), (0.25, 0.1)], 0.09, sole)


def ankle_boot(pen: Pen, tone: int) -> None:
    """A shaft over the ankle, a heel, a zip or laces."""
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain plain print")
    top, heel, shaft = r(-0.95, -0.4), r(0.0, 0.22), r(-0.1, 0.2)
    pen.fill([(-0.8, top), (-0.05 + shaft, top), (0.05 + shaft, -0.05), (0.5, 0.15), (0.88, 0.3),
              (0.92, 0.6), (-0.2, 0.6), (-0.82, 0.6)], cloth, shade=22)
    dark = (max(tone - 80, 25),)
    pen.box(-0.82, 0.56, 0.95, 0.66, dark)
    pen.box(-0.82, 0.6, -0.4, 0.68 + heel, dark)
    if pen.rng.random() < 0.5:
        pen.line([(-0.4, top + 0.05), (-0.35, 0.4)], 0.05, dark)
    else:
        for i in range(4):
            pen.line([(-0.1, top + 0.15 + 0.14 * i), (0.1, top + 0.12 + 0.14 * i)], 0.05, dark)


def bag(pen: Pen, tone: int) -> None:
    """A body with one handle or two, a flap or a zip."""
    r = pen.rng.uniform
    cloth = _cloth(pen, tone, "plain plain plaid knit print")
    top, wide, low = r(-0.35, 0.0), r(0.65, 0.92), r(0.5, 0.8)
    rise = r(-0.95, -0.55)
    for side in (0.35, -0.35) if pen.rng.random() < 0.4 else (0,):
        half = 0.3 if side else wide * r(0.4, 0.75)
        pen.curve([(side - half, top + 0.05), (side - half * 0.8, rise + 0.15), (side, rise),
                   (side + half * 0.8, rise + 0.15), (side + half, top + 0.05)], r(0.07, 0.14),
                  (tone - 25,))
    pen.fill(_both([(wide - r(0, 0.2), top), (wide, low)]), cloth, shade=25)
    dark = (max(tone - 70, 10),)
    if pen.rng.random() < 0.6:
        pen.fill(_both([(wide * 0.9, top), (wide * r(0.2, 0.8), top + r(0.25, 0.5))]), cloth - 30)
        pen.oval(0, top + 0.35, 0.08, 0.08, (250,))
    else:
        pen.line([(-wide * 0.85, top + 0.12), (wide * 0.85, top + 0.12)], 0.06, dark)


# in the order of Fashion-MNIST's labels
_DRAW = (t_shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle_boot)


def garment(label: int, rng: random.Random) -> np.ndarray:
    """Draw one garment as Fashion-MNIST shows it: uint8 28 x 28, light on dark."""
    pen = Pen(28, 28, 1, rng)
    pen.place(14 + rng.uniform(-2, 2), 14 + rng.uniform(-2, 2), rng.uniform(9, 13.8),
              aspect=rng.uniform(0.8, 1.2) * rng.choice((-1, 1)), tilt=rng.uniform(-0.09, 0.09),
              shear=rng.uniform(-0.1, 0.1))
    _DRAW[label](pen, rng.randrange(70, 235))
    return pen.picture()[..., 0]
