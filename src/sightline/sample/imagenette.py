"""The ten classes of Imagenette as scenes of varying size and aspect ratio."""

# One point a line would tear the figures apart.
# fmt: off
import random

import numpy as np

from sightline.sample import animals, creatures, objects, scenes, vehicles
from sightline.sample.canvas import CIRCLE, Colour, Pen
from sightline.sample.objects import kind
from sightline.sample.surfaces import coat, darker, tint

INK = (25, 24, 28)
BRASS = ((215, 170, 70), (190, 145, 60), (230, 200, 120))
LIVER = ((95, 55, 40), (60, 40, 35), (35, 30, 32))
STONE = ((200, 185, 160), (235, 232, 225), (160, 110, 90), (150, 150, 155))


def cassette_player(pen: Pen, case: Colour) -> None:
    """Two speakers, a cassette window, a row of keys."""
    pen.line([(-0.7, -0.6), (-0.7, -0.85), (0.7, -0.85), (0.7, -0.6)], 0.09, darker(case, 40))
    pen.box(-1.0, -0.6, 1.0, 0.6, coat(pen, case), shade=30)
    for x in (-0.66, 0.66):
        pen.oval(x, 0.1, 0.3, 0.38, darker(case, 60))
        pen.oval(x, 0.1, 0.26, 0.33, coat(pen, (55, 55, 60), (85, 85, 90), "knit"), shade=25)
        pen.oval(x, 0.1, 0.09, 0.11, INK)
    pen.box(-0.3, -0.15, 0.3, 0.3, (70, 75, 85), shade=30)
    pen.box(-0.24, -0.04, 0.24, 0.22, tint((225, 215, 190), pen.rng))
    for x in (-0.12, 0.12):
        pen.oval(x, 0.09, 0.08, 0.08, INK)
    for i in range(6):
        pen.box(-0.29 + i * 0.1, 0.38, -0.22 + i * 0.1, 0.5, (220, 220, 222), shade=15)
    pen.box(-0.85, -0.5, 0.85, -0.32, (35, 38, 42))
    pen.line([(-0.8, -0.41), (0.8, -0.41)], 0.03, (230, 120, 60))


def chain_saw(pen: Pen, case: Colour) -> None:
    """A coloured engine with handles and a long toothed bar."""
    pen.box(-0.05, -0.12, 0.85, 0.14, (165, 168, 172), shade=35)
    pen.oval(0.85, 0.01, 0.15, 0.13, (165, 168, 172))
    for i in range(10):
        for y in (-0.15, 0.17):
            pen.fill([(0.0 + i * 0.09, y), (0.06 + i * 0.09, y), (0.03 + i * 0.09, y * 1.4)], INK)
    pen.curve([(-0.2, -0.3), (-0.1, -0.65), (-0.35, -0.72), (-0.55, -0.35)], 0.09, INK)
    pen.curve([(-0.85, 0.25), (-1.05, 0.0), (-0.9, -0.28), (-0.6, -0.25)], 0.11, INK)
    pen.blob([(-0.9, 0.35), (-0.85, -0.25), (-0.4, -0.38), (0.02, -0.25), (0.08, 0.35)],
             coat(pen, case), shade=45)
    pen.oval(-0.45, 0.05, 0.2, 0.2, darker(case, 70), shade=30)
    pen.line([(-0.2, -0.1), (-0.02, -0.1)], 0.06, (240, 240, 240))


def church(pen: Pen, stone: Colour) -> None:
    """Nave, roof, tower with a spire and a cross, pointed windows."""
    wall = coat(pen, stone, darker(stone, 18), pen.rng.choice(["plain", "checks"]))
    roof = tint(pen.rng.choice(((110, 60, 50), (85, 90, 100), (70, 95, 85))), pen.rng)
    pen.fill([(-0.3, -0.02), (0.1, -0.38), (0.95, -0.38), (1.05, -0.02)], roof, shade=25)
    pen.box(-0.3, -0.05, 1.0, 0.95, wall, shade=25)
    high = pen.rng.uniform(-0.35, -0.1)
    pen.fill([(-0.85, high), (-0.55, pen.rng.uniform(-1.15, -0.85)), (-0.25, high)], roof, shade=30)
    pen.box(-0.82, high, -0.28, 0.95, wall, shade=35)
    top = -1.1
    pen.line([(-0.55, top), (-0.55, top + 0.3)], 0.04, INK)
    pen.line([(-0.64, top + 0.1), (-0.46, top + 0.1)], 0.04, INK)
    glass = tint((70, 85, 120), pen.rng)
    for x in (0.02, 0.35, 0.7):
        pen.blob([(x - 0.09, 0.55), (x - 0.09, 0.25), (x, 0.08), (x + 0.09, 0.25),
                  (x + 0.09, 0.55)], glass)
    pen.oval(-0.55, 0.12, 0.13, 0.13, (235, 232, 220))
    pen.blob([(-0.68, 0.98), (-0.68, 0.62), (-0.55, 0.45), (-0.42, 0.62), (-0.42, 0.98)],
             (75, 50, 38))


def french_horn(pen: Pen, brass: Colour) -> None:
    """A flared bell and coils of tube."""
    dark = darker(brass, 70)
    for reach, width in ((0.62, 0.13), (0.42, 0.09)):
        ring = np.concatenate([CIRCLE, CIRCLE[:1]]) * reach + (-0.15, -0.1)
        pen.line(ring, width + 0.04, dark)
        pen.line(ring, width, brass)
        pen.line(ring - 0.02, width / 3, darker(brass, -45), opacity=180)
    pen.curve([(-0.7, -0.2), (-0.85, -0.7), (-0.55, -0.98)], 0.07, brass)
    for i in range(3):
        x = -0.32 + i * 0.16
        pen.line([(x, -0.25), (x, 0.12)], 0.11, dark)
        pen.line([(x, -0.25), (x, 0.1)], 0.07, darker(brass, -30))
    pen.curve([(-0.1, 0.5), (0.3, 0.42), (0.5, 0.2)], 0.22, brass)
    pen.blob([(0.2, 0.45), (0.55, -0.35), (1.0, 0.0), (0.85, 0.75), (0.45, 0.7)], brass, shade=50)
    pen.oval(0.74, 0.2, 0.26, 0.44, dark, tilt=-0.15)
    pen.oval(0.74, 0.2, 0.14, 0.27, darker(brass, 110), tilt=-0.15)


def garbage_truck(pen: Pen, paint: Colour) -> None:
    """A cab, a ribbed body with a sloping tail, and bins."""
    body = coat(pen, paint, darker(paint, 35), "lines")
    pen.box(-0.95, 0.3, 0.95, 0.42, (55, 55, 58))
    pen.fill([(-1.0, 0.3), (-1.05, -0.2), (-0.8, -0.68), (0.38, -0.68), (0.38, 0.32)], body,
             shade=30)
    pen.fill([(-1.05, 0.3), (-1.12, -0.15), (-0.88, -0.6), (-0.78, 0.3)], darker(paint, 60),
             shade=20)
    cab = tint(pen.rng.choice(((240, 240, 238), paint, (235, 130, 50))), pen.rng)
    pen.fill([(0.42, -0.42), (0.88, -0.42), (0.98, -0.05), (1.0, 0.42), (0.42, 0.42)],
             coat(pen, cab), shade=30)
    pen.fill([(0.52, -0.32), (0.82, -0.32), (0.9, -0.02), (0.52, -0.02)], vehicles.GLASS, shade=35)
    pen.oval(0.65, -0.48, 0.08, 0.06, (250, 170, 40))
    pen.oval(-0.2, -0.15, 0.2, 0.2, (240, 240, 235), opacity=200)
    for x in (-0.62, -0.2, 0.68):
        vehicles.wheel(pen, x, 0.46, 0.21)
    pen.box(-1.3, 0.2, -1.12, 0.62, (50, 90, 60), shade=25)


def gas_pump(pen: Pen, paint: Colour) -> None:
    """A tall box with a display, a hose and a nozzle; old ones carry a globe."""
    if pen.rng.random() < 0.4:
        pen.oval(0, -0.98, 0.2, 0.18, (250, 250, 245), shade=20)
        pen.oval(0, -0.98, 0.11, 0.1, paint)
    pen.curve([(0.4, -0.3), (0.75, -0.1), (0.72, 0.6), (0.5, 0.6), (0.5, 0.0)], 0.07, INK)
    pen.box(-0.42, -0.82, 0.42, 0.9, coat(pen, paint), shade=40)
    pen.box(-0.34, -0.7, 0.34, -0.25, (235, 238, 235), shade=20)
    for y in (-0.58, -0.38):
        pen.box(-0.26, y - 0.06, 0.26, y + 0.06, (40, 50, 45))
        for i in range(4):
            pen.box(-0.21 + i * 0.12, y - 0.035, -0.15 + i * 0.12, y + 0.035, (150, 220, 150))
    pen.box(-0.34, -0.1, 0.34, 0.1, (245, 245, 240))
    pen.box(-0.3, 0.25, 0.3, 0.75, darker(paint, 35))
    pen.line([(0.5, 0.05), (0.46, -0.35), (0.6, -0.42)], 0.11, (70, 70, 75))
    pen.box(-0.5, 0.88, 0.5, 1.0, (120, 120, 122))


def golf_ball(pen: Pen, white: Colour) -> None:
    """A white ball with dimples, often on a tee."""
    if pen.rng.random() < 0.5:
        pen.fill([(-0.18, 0.6), (0.18, 0.6), (0.05, 0.8), (0.04, 1.3), (-0.04, 1.3), (-0.05, 0.8)],
                 tint((225, 190, 130), pen.rng), shade=30)
    else:
        pen.oval(0.12, 0.72, 0.8, 0.16, (20, 35, 20), opacity=120)
    pen.oval(0, 0, 0.75, 0.75, white, shade=60)
    for row in range(-3, 4):
        for column in range(-3, 4):
            x, y = column * 0.2 + (row % 2) * 0.1, row * 0.18
            if x * x + y * y < 0.44:
                pen.oval(x, y, 0.065, 0.06, darker(white, 45), opacity=150)
    pen.oval(-0.3, -0.32, 0.16, 0.14, (255, 255, 255), opacity=120)


def parachute(pen: Pen, cloth: Colour, second: Colour) -> None:
    """A striped canopy, lines, and a person hanging from them."""
    if pen.rng.random() < 0.6:  # a dome
        for x in (-0.85, -0.45, 0.0, 0.45, 0.85):
            pen.line([(x, -0.25), (0, 0.6)], 0.02, (235, 235, 235))
        for i in range(8, 0, -1):
            half = 0.115 * i
            pen.blob([(-half, -0.22), (-half * 0.8, -0.7), (0, -0.98), (half * 0.8, -0.7),
                      (half, -0.22)], cloth if i % 2 else second, shade=25)
    else:  # a wing
        for x in (-0.9, -0.3, 0.3, 0.9):
            pen.line([(x, -0.5), (0, 0.6)], 0.02, (235, 235, 235))
        for i in range(7):
            x = -1.05 + i * 0.3
            lift = 0.18 - x * x * 0.16
            pen.fill([(x, -0.55 - lift), (x + 0.3, -0.57 - lift), (x + 0.28, -0.3 - lift),
                      (x + 0.02, -0.28 - lift)], cloth if i % 2 else second, shade=25)
    suit = darker(second, 90)
    for x in (-0.06, 0.06):
        pen.line([(x, 0.8), (x * 1.6, 1.02)], 0.07, suit)
    pen.line([(0, 0.64), (0, 0.82)], 0.16, suit)
    pen.oval(0, 0.54, 0.075, 0.085, (225, 180, 150))


def caught(pen: Pen, skin: Colour, belly: Colour, shirt: Colour) -> None:
    """A tench, often in somebody's hands."""
    if pen.rng.random() < 0.6:
        x, y, size = pen.frame[2], pen.frame[5], pen.size
        pen.place(x, y - size * 0.25, size)
        creatures.person(pen, tint(objects.SKIN[0], pen.rng), (70, 50, 40), shirt, "man")
        pen.place(x, y + size * 0.5, size * pen.rng.uniform(0.75, 0.95),
                  tilt=pen.rng.uniform(-0.05, 0.05))
    creatures.swimmer(pen, skin, belly, height=0.34, fin="top", marks="knit",
                      second=darker(skin, 22))
    if pen.rng.random() < 0.5:
        for at in (-0.4, 0.35):
            pen.oval(at, 0.34, 0.16, 0.11, tint(objects.SKIN[0], pen.rng))


SPRINGER = {**objects.DOG, "ears": "flop", "tail": "bushy"}
# Each class in the order of its synset: the ways it is shown.
KINDS = {
    "n01440764": (kind(scenes.water, caught, ((95, 105, 50), (130, 120, 60)), objects.TAWNY,
                       objects.PAINT),
                  kind(scenes.field, caught, ((95, 105, 50), (130, 120, 60)), objects.TAWNY,
                       objects.PAINT)),
    "n02102040": (kind(scenes.field, animals.quadruped, objects.WHITE, LIVER, marks="patches",
                       **SPRINGER),
                  kind(scenes.anywhere, animals.face, LIVER, objects.WHITE, marks="patches",
                       ears="flop",
                       muzzle=(240, 236, 230), long=0.36)),
    "n02979186": (kind(scenes.room, cassette_player, objects.GREY + objects.DARK + objects.RED),),
    "n03000684": (kind(scenes.anywhere, chain_saw, objects.RED + objects.ORANGE + objects.YELLOW,
                       tilt=0.3),),
    "n03028079": (kind(scenes.field, church, STONE, tilt=0.01),),
    "n03394916": (kind(scenes.room, french_horn, BRASS, tilt=0.25),),
    "n03417042": (kind(scenes.street, garbage_truck,
                       objects.GREEN + objects.WHITE + objects.BLUE + objects.ORANGE),),
    "n03425413": (kind(scenes.street, gas_pump, objects.PAINT, tilt=0.03),),
    "n03445777": (kind(scenes.field, golf_ball, objects.WHITE), kind(scenes.foliage, golf_ball,
                                                                     objects.WHITE)),
    "n03888257": (kind(scenes.sky, parachute, objects.PAINT + objects.ORANGE, objects.PAINT,
                       tilt=0.1),),
}
SYNSETS = list(KINDS)


def imagenette(label: int, rng: random.Random) -> np.ndarray:
    """Draw one scene: uint8 H x W x 3, or H x W where the photograph is grey (one in 25)."""
    height, width = rng.randrange(80, 221), rng.randrange(80, 221)
    if width > 2 * height or height > 2 * width:
        height = width = min(height, width) * 3 // 2
    kind = rng.choice(KINDS[SYNSETS[label]])
    picture = objects.picture(kind, height, width, rng)
    if rng.randrange(25):
        return picture
    wide = picture.astype(np.int64)
    return ((wide[..., 0] * 77 + wide[..., 1] * 150 + wide[..., 2] * 29) >> 8).astype(np.uint8)
