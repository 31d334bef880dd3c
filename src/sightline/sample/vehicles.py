"""Vehicles on land, water and in the air."""

# One point a line would tear the figures apart.
# fmt: off
from sightline.sample.canvas import Colour, Pen
from sightline.sample.surfaces import coat, darker

INK = (25, 25, 30)
GLASS = (150, 185, 205)
STEEL = (150, 152, 158)


def wheel(pen: Pen, x: float, y: float, radius: float, hub: Colour = STEEL) -> None:
    """A tyre with its hub."""
    pen.oval(x, y, radius, radius, INK)
    pen.oval(x, y, radius * 0.5, radius * 0.5, hub)


def car(pen: Pen, paint: Colour, body: str = "saloon") -> None:
    """Side view (saloon, hatch, pickup) or, now and then, from the front."""
    r = pen.rng.uniform
    skin = coat(pen, paint)
    if body != "pickup" and pen.rng.random() < 0.3:
        pen.fill([(-0.5, -0.1), (-0.36, -0.55), (0.36, -0.55), (0.5, -0.1)], skin)
        pen.fill([(-0.42, -0.12), (-0.31, -0.47), (0.31, -0.47), (0.42, -0.12)], GLASS, shade=30)
        for side in (1, -1):
            pen.box(side * 0.58 - 0.12, 0.3, side * 0.58 + 0.12, 0.58, INK)
        pen.blob([(-0.75, 0.42), (-0.72, -0.02), (0, -0.14), (0.72, -0.02), (0.75, 0.42)], skin,
                 shade=30)
        pen.box(-0.3, 0.12, 0.3, 0.28, darker(paint, 100))
        for side in (1, -1):
            pen.oval(side * 0.54, 0.12, 0.13, 0.1, (250, 245, 205))
        return
    roof, front = r(-0.52, -0.38), r(0.32, 0.48)
    back = {"saloon": -0.55, "hatch": -0.85, "pickup": -0.08}[body]
    pen.fill([(back, -0.05), (back + 0.17, roof), (front - 0.22, roof), (front, -0.05)], skin)
    pen.fill([(back + 0.1, -0.06), (back + 0.22, roof + 0.09), (front - 0.25, roof + 0.09),
              (front - 0.08, -0.06)], GLASS, shade=40)
    middle = (back + front) / 2
    pen.line([(middle, roof), (middle, -0.02)], 0.07, skin)
    nose = r(0.02, 0.12)
    pen.fill([(-0.97, -0.1), (front, -0.1), (0.9, nose), (0.98, 0.36), (-0.97, 0.36)], skin,
             shade=35)
    if body == "pickup":
        pen.box(-0.93, -0.12, -0.12, 0.0, darker(paint, 90))
    pen.box(0.86, nose + 0.02, 0.97, nose + 0.12, (250, 245, 200))
    pen.box(-0.98, 0.0, -0.9, 0.12, (200, 30, 30))
    for x in (-0.55, 0.55):
        wheel(pen, x, 0.38, r(0.2, 0.24), (190, 190, 195))


def truck(pen: Pen, paint: Colour, load: Colour) -> None:
    """A cab and a tall box (or a tank, or an open bed), from the side; or from the front."""
    r = pen.rng.uniform
    if pen.rng.random() < 0.25:
        for side in (1, -1):
            pen.box(side * 0.42 - 0.12, 0.6, side * 0.42 + 0.12, 0.9, INK)
        pen.box(-0.6, -0.95, 0.6, 0.3, coat(pen, load), shade=20)
        pen.box(-0.5, -0.5, 0.5, 0.7, coat(pen, paint), shade=20)
        pen.box(-0.42, -0.38, 0.42, 0.05, GLASS, shade=40)
        pen.box(-0.25, 0.2, 0.25, 0.5, darker(paint, 90))
        for side in (1, -1):
            pen.oval(side * 0.38, 0.5, 0.09, 0.09, (250, 245, 205))
        return
    top, cab = r(-0.72, -0.5), r(-0.42, -0.22)
    kind = pen.rng.choice(["box", "box", "tank", "bed"])
    pen.box(-0.95, 0.28, 0.9, 0.42, (60, 60, 65))
    if kind == "box":
        pen.box(-0.98, top, 0.36, 0.32, coat(pen, load, darker(load, 30), "lines"), shade=20)
    elif kind == "tank":
        pen.oval(-0.32, -0.08, 0.66, 0.36, coat(pen, load), shade=60)
    else:
        pen.fill([(-0.98, -0.25), (0.34, -0.25), (0.3, 0.32), (-0.9, 0.32)], coat(pen, load),
                 shade=20)
        pen.blob([(-0.8, -0.22), (-0.3, -0.5), (0.2, -0.22)], (120, 95, 65))
    pen.fill([(0.42, cab), (0.75, cab), (0.92, cab + 0.32), (0.95, 0.4), (0.42, 0.4)],
             coat(pen, paint), shade=20)
    pen.fill([(0.52, cab + 0.08), (0.72, cab + 0.08), (0.84, cab + 0.32), (0.52, cab + 0.32)],
             GLASS)
    for x in (-0.75, -0.38, 0.62):
        wheel(pen, x, 0.46, 0.19)


def plane(pen: Pen, paint: Colour, stripe: Colour) -> None:
    """From the side in flight, or from above or below, any way round."""
    r = pen.rng.uniform
    skin = coat(pen, paint)
    if pen.rng.random() < 0.5:
        sweep, span = r(0.1, 0.5), r(0.75, 1.0)
        for side in (1, -1):
            pen.fill([(0.22, side * 0.08), (-0.12, side * 0.08), (-sweep, side * span),
                      (0.14 - sweep, side * span)], darker(paint, 18))
            pen.fill([(-0.68, 0), (-0.86, 0), (-1.0, side * 0.38), (-0.86, side * 0.38)],
                     darker(paint, 25))
            pen.oval(0.02 - sweep * 0.3, side * 0.4, 0.13, 0.06, darker(paint, 70))
        pen.oval(0, 0, 0.95, 0.12, skin, shade=30)
        pen.oval(0.75, 0, 0.1, 0.06, GLASS)
        return
    pen.fill([(-0.6, -0.1), (-0.95, -0.55), (-0.75, -0.58), (-0.35, -0.1)], stripe)
    pen.blob([(-0.98, -0.08), (-0.5, -0.16), (0.7, -0.16), (0.98, 0.03), (0.7, 0.14), (-0.5, 0.12)],
             skin, shade=40)
    pen.line([(-0.8, -0.03), (0.9, -0.03)], 0.05, stripe)
    for i in range(6):
        pen.oval(-0.4 + i * 0.18, -0.08, 0.04, 0.035, (60, 80, 110))
    pen.fill([(0.2, 0.02), (-0.12, 0.02), (r(-0.55, -0.3), r(0.35, 0.6)), (-0.2, 0.38)],
             darker(paint, 45))
    pen.oval(0.05, 0.2, 0.14, 0.07, darker(paint, 80))


def ship(pen: Pen, paint: Colour, deck: Colour = (235, 235, 230)) -> None:
    """A hull in the water with superstructure and funnel, containers, or sails."""
    r = pen.rng.uniform
    kind = pen.rng.choice(["liner", "cargo", "sail"])
    bow = r(0.8, 1.0)
    if kind == "sail":
        pen.line([(0, 0.3), (0, -0.95)], 0.06, (110, 80, 50))
        pen.fill([(0.06, -0.9), (0.06, 0.15), (r(0.5, 0.75), 0.12)], (245, 243, 235), shade=25)
        pen.fill([(-0.06, -0.8), (-0.06, 0.15), (r(-0.7, -0.4), 0.12)], (225, 222, 215), shade=25)
    elif kind == "liner":
        pen.box(-0.6, -0.12, 0.5, 0.25, deck, shade=15)
        pen.box(-0.42, -0.38, 0.3, -0.1, deck, shade=15)
        for i in range(6):
            pen.box(-0.5 + i * 0.16, 0.0, -0.43 + i * 0.16, 0.08, (70, 90, 120))
        for x in (-0.25, 0.1)[: pen.rng.randrange(1, 3)]:
            pen.fill([(x, -0.36), (x - 0.03, -0.72), (x + 0.15, -0.72), (x + 0.18, -0.36)],
                     (200, 70, 50))
    else:
        pen.box(-0.85, -0.5, -0.5, 0.25, deck, shade=15)
        pen.box(-0.8, -0.42, -0.52, -0.32, (70, 90, 120))
        for i in range(4):
            for row in range(pen.rng.randrange(1, 4)):
                box = tuple(pen.rng.randrange(60, 220) for _ in range(3))
                pen.box(-0.42 + i * 0.3, 0.06 - row * 0.19, -0.15 + i * 0.3, 0.24 - row * 0.19, box)
    pen.fill([(-0.95, 0.18), (bow, 0.12), (bow - 0.22, 0.62), (-0.82, 0.62)], coat(pen, paint),
             shade=35)
    pen.line([(-0.85, 0.56), (bow - 0.2, 0.56)], 0.08, (150, 45, 40))


def carriage(pen: Pen, paint: Colour, kind: str = "bus") -> None:
    """A bus, a streetcar (with its pole and rails) or a train's engine (nose and coaches)."""
    skin = coat(pen, paint)
    left = -0.98
    if kind == "train":
        pen.fill([(left, -0.4), (0.5, -0.4), (0.85, -0.1), (0.98, 0.35), (left, 0.35)], skin,
                 shade=25)
        pen.fill([(0.55, -0.32), (0.72, -0.12), (0.8, 0.05), (0.5, 0.05)], GLASS)
        windows, rail = 4, True
    else:
        pen.box(left, -0.5, 0.95, 0.4, skin, shade=20)
        windows, rail = 5, kind == "streetcar"
    for i in range(windows):
        x = left + 0.1 + i * 0.36
        pen.box(x, -0.3, x + 0.26, -0.02, GLASS, shade=25)
    pen.box(left, 0.12, 0.9, 0.2, (245, 240, 225))
    if kind == "streetcar":
        pen.line([(-0.1, -0.5), (-0.4, -0.92)], 0.05, INK)
        pen.line([(-1.2, -0.94), (1.2, -0.94)], 0.035, INK)
    if rail:
        pen.line([(-1.3, 0.6), (1.3, 0.6)], 0.07, (95, 85, 80))
        for i in range(6):
            wheel(pen, -0.8 + i * 0.3, 0.46, 0.1)
    else:
        for x in (-0.6, 0.55):
            wheel(pen, x, 0.44, 0.18)


def cycle(pen: Pen, paint: Colour, motor: bool = False) -> None:
    """A bicycle, or a motorcycle with tank, engine and fat tyres."""
    radius = 0.36
    for x in (-0.58, 0.58):
        pen.oval(x, 0.35, radius, radius, INK)
        pen.oval(x, 0.35, radius - (0.14 if motor else 0.07), radius - (0.14 if motor else 0.07),
                 (205, 205, 200))
        pen.line([(x - 0.25, 0.35), (x + 0.25, 0.35)], 0.025, STEEL)
    frame = [(-0.58, 0.35), (-0.2, -0.15), (0.4, -0.15), (-0.05, 0.35), (-0.58, 0.35)]
    pen.line(frame, 0.07, paint)
    pen.line([(-0.05, 0.35), (-0.2, -0.15)], 0.07, paint)
    pen.line([(0.58, 0.35), (0.36, -0.35), (0.55, -0.42)], 0.07, paint if not motor else STEEL)
    if motor:
        pen.oval(0.08, 0.22, 0.26, 0.2, (95, 95, 100), shade=40)
        pen.blob([(-0.15, -0.05), (0.05, -0.28), (0.4, -0.2), (0.35, 0.02)], paint, shade=40)
        pen.line([(-0.7, -0.12), (-0.15, -0.08)], 0.14, INK)
        pen.line([(0.0, 0.38), (-0.75, 0.42)], 0.08, (200, 200, 205))
    else:
        pen.line([(-0.32, -0.25), (-0.1, -0.25)], 0.09, INK)


def rocket(pen: Pen, paint: Colour, trim: Colour) -> None:
    """Standing or climbing on its flame."""
    if pen.rng.random() < 0.6:
        pen.blob([(-0.14, 0.6), (-0.22, 0.85), (0, 1.15), (0.22, 0.85), (0.14, 0.6)],
                 (250, 180, 60))
        pen.blob([(-0.07, 0.6), (0, 0.95), (0.07, 0.6)], (255, 245, 190))
    for side in (1, -1):
        pen.fill([(side * 0.15, 0.2), (side * 0.48, 0.68), (side * 0.15, 0.58)], trim)
    pen.blob([(0, -1.0), (0.2, -0.5), (0.2, 0.55), (-0.2, 0.55), (-0.2, -0.5)], coat(pen, paint),
             shade=40)
    pen.fill([(0, -1.0), (0.16, -0.62), (-0.16, -0.62)], trim)
    pen.oval(0, -0.3, 0.09, 0.09, (70, 110, 160))


def tank(pen: Pen, paint: Colour) -> None:
    """Tracks, turret and gun."""
    pen.line([(0.1, -0.2), (0.98, -0.32)], 0.09, darker(paint, 40))
    pen.fill([(-0.45, 0.0), (-0.3, -0.38), (0.2, -0.38), (0.4, 0.0)],
             coat(pen, paint, darker(paint, 45), "patches"), shade=25)
    pen.fill([(-0.85, 0.2), (-0.75, -0.04), (0.75, -0.04), (0.9, 0.2)],
             coat(pen, paint, darker(paint, 45), "patches"))
    pen.line([(-0.68, 0.36), (0.68, 0.36)], 0.4, (50, 50, 48))
    for i in range(5):
        pen.oval(-0.68 + i * 0.34, 0.36, 0.13, 0.13, darker(paint, 20))


def tractor(pen: Pen, paint: Colour) -> None:
    """One large and one small wheel, a cab and a bonnet."""
    pen.box(-0.5, -0.75, 0.12, -0.66, darker(paint, 40))
    for x in (-0.44, 0.06):
        pen.line([(x, -0.7), (x, 0)], 0.07, darker(paint, 40))
    pen.box(-0.35, -0.6, 0.0, -0.1, GLASS)
    pen.fill([(-0.5, -0.05), (0.82, -0.1), (0.85, 0.3), (-0.5, 0.35)], coat(pen, paint), shade=30)
    pen.line([(0.55, -0.1), (0.55, -0.55)], 0.08, INK)
    wheel(pen, -0.42, 0.3, 0.46, (225, 190, 60))
    wheel(pen, 0.62, 0.5, 0.26, (225, 190, 60))


def mower(pen: Pen, paint: Colour) -> None:
    """A lawn mower: deck, engine, long handle."""
    pen.line([(-0.2, 0.25), (-0.85, -0.6), (-0.98, -0.58)], 0.07, (70, 70, 75))
    pen.blob([(-0.35, 0.4), (-0.3, 0.05), (0.6, 0.05), (0.72, 0.4)], coat(pen, paint), shade=35)
    pen.box(-0.05, -0.22, 0.38, 0.1, (60, 60, 65), shade=30)
    pen.oval(0.16, -0.24, 0.2, 0.08, (190, 190, 190))
    for x in (-0.3, 0.6):
        wheel(pen, x, 0.45, 0.19)
