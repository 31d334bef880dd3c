"""Backgrounds: skies, fields, water, rooms, with light and distance of their own."""

# One point a line would tear the figures apart.
# fmt: off
from collections.abc import Sequence

import numpy as np

from sightline.sample.canvas import Colour, Pen
from sightline.sample.surfaces import coat, darker, noise, tint

SKIES = ((120, 175, 230), (175, 205, 230), (205, 210, 215), (235, 190, 150), (90, 120, 180))
GRASS = ((85, 130, 60), (120, 150, 75), (160, 150, 80), (70, 105, 60))
EARTH = ((170, 140, 105), (140, 115, 90), (195, 180, 150))
ROAD = ((115, 115, 118), (90, 90, 95), (150, 148, 145))
SNOW = ((232, 236, 242),)
WATER = ((50, 95, 140), (70, 125, 150), (95, 140, 160), (45, 75, 105))
WALLS = ((205, 190, 170), (170, 185, 190), (220, 215, 200), (150, 130, 115), (185, 160, 150),
         (120, 135, 125))
LEAVES = ((45, 85, 40), (60, 100, 50), (35, 70, 45))


def fade(pen: Pen, top: int, bottom: int, upper: Colour, lower: Colour, spread: int = 10) -> None:
    """Fill rows top to bottom with a gradient from one colour to the other, slightly uneven."""
    top, bottom = max(top, 0), min(bottom, pen.height)
    if top >= bottom:
        return
    rows = bottom - top
    step = np.arange(rows)[:, None, None]
    colours = (np.array(upper) * (rows - step) + np.array(lower) * step) // rows
    uneven = noise(rows, pen.width, 1, pen.rng, cells=5, spread=spread)
    pen.pixels[top:bottom] = colours + uneven


def _pick(pen: Pen, colours: Sequence[Colour]) -> Colour:
    return tint(pen.rng.choice(colours), pen.rng, 18)


def sky(pen: Pen, clouds: bool = True) -> None:
    """Nothing but sky, with clouds more often than not."""
    colour = _pick(pen, SKIES)
    fade(pen, 0, pen.height, colour, tint(colour, pen.rng, 40), spread=16)
    if clouds and pen.rng.random() < 0.7:
        for _ in range(pen.rng.randrange(1, 4)):
            cloud(pen, pen.rng.uniform(-1, 1), pen.rng.uniform(-0.9, 0.9),
                  pen.rng.uniform(0.2, 0.5))


def cloud(pen: Pen, x: float, y: float, size: float, colour: Colour = (245, 246, 250)) -> None:
    """One cloud of a few puffs."""
    for dx, dy, scale in ((-0.8, 0.1, 0.6), (0, 0, 1), (0.8, 0.12, 0.65)):
        pen.oval(x + dx * size, y + dy * size, size * scale, size * scale * 0.55, colour,
                 opacity=180)


def ground(pen: Pen, colours: Sequence[Colour], backdrop: str = "any") -> None:
    """Ground below a horizon, and behind it a sky, a row of trees, or a wall."""
    horizon = int(pen.height * pen.rng.uniform(0.3, 0.72))
    colour = _pick(pen, colours)
    if backdrop == "any":
        backdrop = pen.rng.choice(["sky", "sky", "trees", "wall"])
    if backdrop == "wall":
        wall = _pick(pen, WALLS)
        pen.pixels[:] = coat(pen, wall, darker(wall, 30), pen.rng.choice(["plain", "checks",
                                                                          "lines"]))
    else:
        upper = _pick(pen, SKIES)
        fade(pen, 0, horizon + 2, upper, tint(upper, pen.rng, 30))
    if backdrop == "trees":
        line = horizon / pen.height * 2 - 1
        for _ in range(5):
            pen.oval(pen.rng.uniform(-1, 1), line - pen.rng.uniform(0, 0.3),
                     pen.rng.uniform(0.2, 0.5), pen.rng.uniform(0.2, 0.4), _pick(pen, LEAVES))
    fade(pen, horizon, pen.height, colour, tint(darker(colour, 20), pen.rng, 20), spread=22)


def field(pen: Pen) -> None:
    """Grass."""
    ground(pen, GRASS)


def wild(pen: Pen) -> None:
    """Grass, earth or snow."""
    ground(pen, pen.rng.choice((GRASS, EARTH, GRASS, SNOW)))


def street(pen: Pen) -> None:
    """A road, sometimes earth or snow."""
    ground(pen, pen.rng.choice((ROAD, ROAD, ROAD, EARTH, SNOW, GRASS)))


def desert(pen: Pen) -> None:
    """Sand under a sky."""
    ground(pen, EARTH, "sky")


def water(pen: Pen) -> None:
    """A sea or a lake to the horizon."""
    ground(pen, WATER, pen.rng.choice(["sky", "sky", "trees"]))
    _waves(pen)


def deep(pen: Pen) -> None:
    """Under water."""
    colour = _pick(pen, WATER)
    fade(pen, 0, pen.height, tint(colour, pen.rng, 30), darker(colour, 30), spread=24)


def _waves(pen: Pen) -> None:
    for _ in range(6):
        x, y = pen.rng.uniform(-1, 1), pen.rng.uniform(0.3, 1)
        pen.line([(x, y), (x + pen.rng.uniform(0.1, 0.4), y)], 0.03, (215, 225, 235), opacity=120)


def forest(pen: Pen) -> None:
    """Leaves and trunks close by."""
    colour = _pick(pen, LEAVES)
    pen.pixels[:] = coat(pen, colour, tint(colour, pen.rng, 45), "print", spread=25)
    for _ in range(pen.rng.randrange(0, 4)):
        x = pen.rng.uniform(-1, 1)
        pen.line([(x, -1.1), (x + pen.rng.uniform(-0.1, 0.1), 1.1)], pen.rng.uniform(0.06, 0.16),
                 _pick(pen, ((90, 70, 50), (110, 95, 80))))


def foliage(pen: Pen) -> None:
    """Leaves out of focus, as behind flowers and insects."""
    colour = _pick(pen, (*LEAVES, *GRASS, (150, 170, 110)))
    pen.pixels[:] = coat(pen, colour, tint(colour, pen.rng, 40), "patches", spread=30)


def room(pen: Pen) -> None:
    """A wall, and often a floor or a table top."""
    wall = _pick(pen, WALLS)
    marks = pen.rng.choice(["plain", "plain", "lines", "diagonal", "print"])
    pen.pixels[:] = coat(pen, wall, tint(wall, pen.rng, 18), marks)
    if pen.rng.random() < 0.7:
        floor = _pick(pen, ((140, 100, 65), (110, 85, 65), (190, 175, 155), (95, 100, 110)))
        fade(pen, int(pen.height * pen.rng.uniform(0.6, 0.85)), pen.height, floor,
             darker(floor, 25))


def studio(pen: Pen) -> None:
    """A plain sheet, as in catalogues: white, grey or a pale colour."""
    colour = _pick(pen, ((245, 245, 245), (225, 228, 232), (235, 230, 215), (200, 205, 210),
                         (60, 62, 66)))
    fade(pen, 0, pen.height, colour, darker(colour, 20), spread=6)


def anywhere(pen: Pen) -> None:
    """Any of the above."""
    pen.rng.choice((field, wild, street, room, studio, foliage, forest))(pen)
