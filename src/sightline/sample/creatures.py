"""Creatures that do not stand on four legs: swimmers, crawlers, insects, reptiles, apes, people."""

# One point a line would tear the figures apart.
# fmt: off
from sightline.sample.animals import INK
from sightline.sample.canvas import Colour, Pen
from sightline.sample.surfaces import coat, darker


def swimmer(
    pen: Pen, skin: Colour, belly: Colour, height: float = 0.3, fin: str = "top",
    marks: str = "plain", second: Colour | None = None, spout: bool = False,
) -> None:
    """A fish or a whale, facing right. fin: top (one), sharp (a shark's), fan (large), none."""
    dim = darker(skin, 30)
    tail = [(-0.62, 0), (-1.0, -0.32), (-0.88, 0), (-1.0, 0.32)]
    if fin == "none":
        tail = [(-0.6, 0), (-1.0, -0.25), (-0.95, -0.05), (-1.0, 0.12)]
    pen.fill(tail, dim)
    if fin == "fan":
        pen.blob([(-0.4, -0.1), (-0.3, -height - 0.35), (0.35, -height - 0.15), (0.3, 0)], dim)
        pen.blob([(-0.3, 0.1), (-0.3, height + 0.35), (0.2, height + 0.1)], dim)
    elif fin == "sharp":
        pen.fill([(-0.12, -height * 0.7), (0.0, -height - 0.35), (0.22, -height * 0.7)], dim)
    elif fin == "top":
        pen.fill([(-0.2, -height * 0.8), (-0.2, -height - 0.16), (0.2, -height * 0.8)], dim)
    body = [(-0.75, 0), (-0.3, -height * 0.8), (0.3, -height), (0.95, -0.02), (0.3, height),
            (-0.3, height * 0.8)]
    pen.blob(body, coat(pen, skin, second, marks), shade=35)
    pen.blob([(-0.45, height * 0.45), (0.3, height * 0.45), (0.85, 0.08), (0.3, height * 0.95)],
             belly, opacity=190)
    pen.fill([(0.15, 0.1), (-0.12, height + 0.12), (0.3, 0.2)], dim)
    pen.oval(0.66, -0.08, 0.055, 0.055, INK)
    if spout:
        for lean in (-0.15, 0.15):
            pen.curve([(0.4, -height), (0.4 + lean / 2, -height - 0.3),
                       (0.4 + lean * 2, -height - 0.35)], 0.06, (235, 240, 245))


def flatfish(pen: Pen, skin: Colour, second: Colour, ray: bool = False) -> None:
    """Seen from above: a ray's wings and whip, or a flatfish's oval with its rim of fins."""
    if ray:
        pen.curve([(-0.4, 0), (-0.8, 0.1), (-1.0, -0.1)], 0.06, darker(skin, 30))
        pen.fill([(0.6, 0), (0.05, -0.85), (-0.45, 0), (0.05, 0.85)],
                 coat(pen, skin, second, "spots"), shade=30)
        pen.oval(0.12, 0, 0.38, 0.28, skin, shade=20)
        eyes = ((0.42, -0.12), (0.42, 0.12))
    else:
        pen.oval(0, 0, 0.78, 0.55, darker(skin, 45))
        pen.fill([(-0.65, 0), (-1.0, -0.28), (-1.0, 0.28)], darker(skin, 45))
        pen.oval(0, 0, 0.72, 0.42, coat(pen, skin, second, "spots"), shade=25)
        eyes = ((0.5, -0.1), (0.55, 0.08))
    for x, y in eyes:
        pen.oval(x, y, 0.06, 0.06, INK)


def seal(pen: Pen, skin: Colour) -> None:
    """On its belly, head up."""
    pen.fill([(-0.75, 0.35), (-1.0, 0.1), (-0.98, 0.6)], darker(skin, 30))
    pen.blob([(-0.8, 0.42), (-0.3, 0.0), (0.2, -0.3), (0.42, -0.72), (0.72, -0.6), (0.62, 0.1),
              (0.5, 0.55)], coat(pen, skin, darker(skin, 40), "spots"), shade=35)
    pen.fill([(0.25, 0.25), (0.05, 0.68), (0.42, 0.55)], darker(skin, 40))
    pen.oval(0.72, -0.55, 0.12, 0.09, darker(skin, -25) if min(skin) > 230 else skin)
    pen.oval(0.82, -0.58, 0.045, 0.045, INK)
    pen.oval(0.56, -0.62, 0.05, 0.05, INK)


def insect(
    pen: Pen, body: Colour, second: Colour | None = None, wings: Colour | None = None,
    marks: str = "plain", slim: float = 0.3, feelers: float = 0.3,
) -> None:
    """Seen from above: six legs, feelers, wing covers or wings."""
    for side in (1, -1):
        for x, lean in ((0.3, 0.25), (0.0, 0.0), (-0.3, -0.25)):
            pen.line([(x, 0), (x + lean * 0.6, side * (slim + 0.18)),
                      (x + lean, side * (slim + 0.4))], 0.06, INK)
        pen.curve([(0.6, side * 0.08), (0.8, side * 0.2), (0.7 + feelers, side * 0.35)], 0.045, INK)
    pen.oval(-0.12, 0, 0.58, slim, coat(pen, body, second, marks), shade=45)
    if wings:
        for side in (1, -1):
            pen.oval(-0.12, side * 0.42, 0.22, 0.42, wings, tilt=side * 0.25, opacity=190)
    else:
        pen.line([(-0.65, 0), (0.3, 0)], 0.035, INK)
    pen.oval(0.42, 0, 0.2, slim * 0.75, darker(body, 50))
    pen.oval(0.62, 0, 0.13, 0.13, INK)


def butterfly(pen: Pen, wings: Colour, second: Colour) -> None:
    """Four wings, spread."""
    paint = coat(pen, wings, second, "spots")
    for side in (1, -1):
        pen.blob([(side * 0.05, -0.05), (side * 0.35, -0.75), (side * 0.95, -0.75),
                  (side * 0.8, -0.05)], INK)
        pen.blob([(side * 0.08, -0.08), (side * 0.38, -0.65), (side * 0.84, -0.65),
                  (side * 0.7, -0.1)], paint, shade=20)
        pen.blob([(side * 0.05, 0.05), (side * 0.65, 0.0), (side * 0.68, 0.6), (side * 0.25, 0.68)],
                 INK)
        pen.blob([(side * 0.1, 0.08), (side * 0.56, 0.06), (side * 0.58, 0.5), (side * 0.26, 0.56)],
                 second, shade=20)
        pen.curve([(0, -0.4), (side * 0.1, -0.7), (side * 0.22, -0.85)], 0.04, INK)
    pen.oval(0, 0, 0.08, 0.45, INK)


def crawler(pen: Pen, skin: Colour, second: Colour, kind: str = "worm") -> None:
    """Long and legless or nearly: worm, snake, caterpillar."""
    r = pen.rng.uniform
    if kind == "caterpillar":
        for i in range(7):
            x, y = -0.85 + i * 0.27, 0.25 - (0.22 if i in (2, 3, 4) else 0) * r(0.5, 1.2)
            pen.line([(x, y), (x, y + 0.3)], 0.07, INK)
            pen.oval(x, y, 0.2, 0.22, skin if i % 2 else second, shade=35)
        pen.oval(0.92, 0.2, 0.17, 0.18, darker(second, 60))
        return
    path = [(-0.95, r(0.2, 0.5)), (-0.5, r(-0.4, -0.1)), (-0.1, r(0.2, 0.5)), (0.3, r(-0.4, 0)),
            (0.8, r(-0.2, 0.2))]
    if kind == "worm":
        pen.curve(path, 0.17, coat(pen, skin), shade=20)
        pen.curve(path[1:3], 0.18, second)
        return
    if r(0, 1) < 0.5:  # coiled
        for ring in (0.62, 0.4, 0.2):
            pen.oval(-0.05, 0.25, ring + 0.1, (ring + 0.1) * 0.62,
                     coat(pen, skin, second, "checks"), shade=30)
            pen.oval(-0.05, 0.25, ring, ring * 0.6, darker(skin, 60))
        path = [(0.5, 0.2), (0.62, -0.25), (0.3, -0.55), (0.62, -0.7)]
    pen.curve(path, 0.2, coat(pen, skin, second, "checks"))
    x, y = path[-1]
    pen.oval(x + 0.08, y, 0.19, 0.13, skin)
    pen.oval(x + 0.12, y - 0.04, 0.04, 0.04, INK)
    pen.line([(x + 0.25, y), (x + 0.4, y + 0.03)], 0.035, (200, 40, 40))


def clawed(pen: Pen, shell: Colour, long: bool = False) -> None:
    """A crab (wide) or a lobster (long), claws ahead."""
    dim = darker(shell, 35)
    if long:
        for i in range(4):
            pen.oval(0, 0.35 + i * 0.16, 0.24 - i * 0.03, 0.12, shell if i % 2 else dim)
        pen.fill([(-0.1, 0.85), (0.1, 0.85), (0.32, 1.05), (-0.32, 1.05)], dim)
    wide = 0.3 if long else 0.55
    for side in (1, -1):
        for i in range(3):
            pen.line([(side * wide * 0.6, 0.1 * i), (side * (wide + 0.3), 0.02 + 0.16 * i),
                      (side * (wide + 0.36), 0.28 + 0.17 * i)], 0.07, dim)
        pen.line([(side * wide * 0.6, -0.1), (side * (wide + 0.18), -0.32),
                  (side * (wide - 0.04), -0.6)], 0.1, dim)
        pen.oval(side * (wide - 0.02), -0.72, 0.18, 0.25, shell, shade=30)
        pen.fill([(side * (wide - 0.1), -0.72), (side * (wide - 0.3), -1.0),
                  (side * (wide - 0.02), -0.98)], (30, 30, 40))
        pen.line([(side * 0.1, -0.2), (side * 0.14, -0.42)], 0.06, INK)
    pen.oval(0, 0.05, wide, 0.42 if long else 0.36, coat(pen, shell, dim, "spots"), shade=40)


def snail(pen: Pen, skin: Colour, shell: Colour) -> None:
    """Foot, horns and a spiral shell."""
    pen.blob([(-0.85, 0.55), (-0.2, 0.35), (0.55, 0.35), (0.7, -0.2), (0.95, -0.1), (0.8, 0.55)],
             skin, shade=20)
    for x in (0.72, 0.9):
        pen.line([(x, -0.15), (x + 0.06, -0.5)], 0.05, skin)
    for i, size in enumerate((0.55, 0.38, 0.22, 0.09)):
        pen.oval(-0.1 + i * 0.04, -0.02, size, size * 0.95, shell if i % 2 == 0 else darker(shell,
                                                                                            60),
                 shade=35)


def spider(pen: Pen, body: Colour) -> None:
    """Eight bent legs around two ovals."""
    for side in (1, -1):
        for x, reach in ((0.35, 0.75), (0.12, 0.35), (-0.1, -0.3), (-0.3, -0.75)):
            pen.line([(x * 0.5, 0), (x * 0.8 + reach * 0.4, side * 0.55), (reach, side * 0.95)],
                     0.055, darker(body, 25))
    pen.oval(-0.22, 0, 0.36, 0.3, coat(pen, body, darker(body, 45), "spots"), shade=40)
    pen.oval(0.22, 0, 0.2, 0.18, darker(body, 20))


def reptile(pen: Pen, skin: Colour, second: Colour, kind: str = "lizard") -> None:
    """A lizard or crocodile from the side, a turtle, or a dinosaur on two legs."""
    dim = darker(skin, 35)
    hide = coat(pen, skin, second, "checks" if kind == "crocodile" else "spots")
    if kind == "turtle":
        for x in (-0.5, 0.42):
            pen.line([(x, 0.2), (x + 0.1, 0.55)], 0.2, skin)
        pen.line([(0.4, 0.15), (0.82, -0.1)], 0.22, skin)
        pen.oval(0.84, -0.12, 0.17, 0.14, skin)
        pen.oval(0.88, -0.16, 0.04, 0.04, INK)
        pen.blob([(-0.75, 0.3), (-0.5, -0.3), (0, -0.5), (0.4, -0.3), (0.6, 0.3)],
                 coat(pen, second, darker(second, 50), "checks"), shade=45)
    elif kind == "dinosaur":
        pen.curve([(-0.1, 0.15), (-0.6, 0.3), (-1.0, pen.rng.uniform(-0.1, 0.4))], 0.2, skin)
        for x, colour in ((0.12, dim), (-0.12, skin)):
            pen.line([(x, 0.2), (x - 0.08, 0.55), (x + 0.02, 0.85), (x + 0.16, 0.87)], 0.17, colour)
        pen.oval(0, 0.1, 0.42, 0.32, hide, shade=40, tilt=-0.3)
        pen.line([(0.25, -0.1), (0.5, -0.6)], 0.24, hide)
        pen.fill([(0.34, -0.85), (0.6, -0.9), (0.98, -0.66), (0.95, -0.5), (0.42, -0.45)], skin,
                 shade=20)
        pen.line([(0.62, -0.58), (0.94, -0.57)], 0.05, (245, 245, 235))
        pen.line([(0.3, 0.05), (0.5, 0.2)], 0.08, dim)
        pen.oval(0.55, -0.75, 0.05, 0.05, INK)
    else:
        croc = kind == "crocodile"
        thick = 0.3 if croc else 0.2
        for x in (-0.4, 0.3):
            pen.line([(x, 0.1), (x - 0.08, 0.35), (x + 0.12, 0.45)], 0.11, dim)
        pen.curve([(-0.4, 0.1), (-0.75, 0.22), (-1.0, pen.rng.uniform(-0.2, 0.3))], thick * 0.55,
                  skin)
        pen.oval(-0.05, 0.1, 0.52, thick * 0.75, hide, shade=40)
        if croc:
            pen.fill([(0.3, -0.08), (0.6, -0.12), (1.0, 0.06), (1.0, 0.2), (0.3, 0.25)], skin,
                     shade=20)
            pen.line([(0.6, 0.16), (0.98, 0.15)], 0.04, (245, 245, 235))
            for i in range(5):
                pen.fill([(-0.5 + i * 0.2, -0.05), (-0.4 + i * 0.2, -0.22),
                          (-0.3 + i * 0.2, -0.05)], dim)
        else:
            pen.oval(0.62, 0.02, 0.24, 0.14, skin, shade=20)
        pen.oval(0.56, -0.06, 0.055, 0.055, (240, 210, 60))


def upright(pen: Pen, fur: Colour, kind: str) -> None:
    """A chimpanzee sitting, or a kangaroo."""
    skin, dim = coat(pen, fur), darker(fur, 30)
    if kind == "kangaroo":
        pen.curve([(-0.1, 0.6), (-0.6, 0.8), (-1.0, 0.6)], 0.14, dim)
        pen.oval(-0.05, 0.3, 0.34, 0.5, skin, shade=35, tilt=0.15)
        pen.line([(-0.1, 0.6), (0.1, 0.85), (0.42, 0.9)], 0.16, dim)
        pen.line([(0.15, -0.05), (0.38, -0.6)], 0.2, skin)
        pen.line([(0.2, 0.05), (0.45, 0.18)], 0.08, dim)
        pen.oval(0.48, -0.68, 0.22, 0.14, skin, tilt=0.15)
        for x in (0.28, 0.4):
            pen.oval(x, -0.92, 0.07, 0.2, fur)
        pen.oval(0.5, -0.72, 0.045, 0.045, INK)
        return
    pen.oval(0, 0.4, 0.48, 0.55, skin, shade=30)
    for side in (1, -1):
        pen.curve([(side * 0.35, 0.0), (side * 0.72, 0.4), (side * 0.3, 0.72)], 0.18, dim)
        pen.oval(side * 0.4, -0.45, 0.14, 0.16, (190, 140, 110))
    pen.oval(0, -0.45, 0.4, 0.42, skin, shade=25)
    pen.oval(0, -0.3, 0.28, 0.26, (200, 150, 120))
    for side in (1, -1):
        pen.oval(side * 0.12, -0.48, 0.11, 0.09, (200, 150, 120))
        pen.oval(side * 0.12, -0.47, 0.05, 0.05, INK)
    pen.line([(-0.14, -0.2), (0.14, -0.2)], 0.04, INK)


def person(pen: Pen, skin: Colour, hair: Colour, clothes: Colour, kind: str) -> None:
    """baby, boy, girl, man or woman: head, hair and shoulders, each with proportions of its own."""
    head = {"baby": 0.55, "boy": 0.44, "girl": 0.42, "man": 0.38, "woman": 0.36}[kind]
    y = -0.2 if kind == "baby" else -0.35
    wide = {"baby": 0.42, "boy": 0.5, "girl": 0.45, "man": 0.85, "woman": 0.58}[kind]
    if kind in ("girl", "woman"):
        low = 0.5 if kind == "woman" else 0.2
        pen.blob([(-head * 1.15, low), (-head * 1.15, y - head * 0.6), (0, y - head * 1.35),
                  (head * 1.15, y - head * 0.6), (head * 1.15, low)], hair, shade=25)
    pen.line([(0, y), (0, 0.4)], 0.24, darker(skin, 25))
    cloth = coat(pen, clothes, darker(clothes, 50), pen.rng.choice(["plain", "stripes"]))
    pen.blob([(-wide, 1.3), (-wide, 0.55), (-0.2, 0.3), (0.2, 0.3), (wide, 0.55), (wide, 1.3)],
             cloth, shade=25)
    if kind == "man":
        pen.fill([(-0.16, 0.3), (0.16, 0.3), (0, 0.7)], (240, 240, 240))
        pen.line([(0, 0.42), (0, 0.95)], 0.1, (150, 30, 40))
    pen.oval(0, y, head * 0.85, head, skin, shade=25)
    if kind == "baby":
        pen.oval(0, y - head * 0.85, head * 0.35, head * 0.16, hair)
        pen.oval(0, y + head * 0.62, 0.12, 0.1, (240, 120, 130))
    else:
        pen.blob([(-head * 0.88, y), (-head * 0.8, y - head * 0.9), (0, y - head * 1.2),
                  (head * 0.8, y - head * 0.9), (head * 0.88, y), (0, y - head * 0.55)], hair)
        pen.line([(-0.12, y + head * 0.55), (0.12, y + head * 0.55)], 0.05, (180, 70, 75))
    if kind == "man" and pen.rng.random() < 0.6:
        pen.oval(0, y + head * 0.75, head * 0.5, head * 0.3, hair)
    if kind == "girl":
        for side in (1, -1):
            pen.oval(side * head * 1.15, y - head * 0.1, 0.14, 0.3, hair)
            pen.oval(side * head * 1.0, y - head * 0.45, 0.09, 0.09, (230, 70, 110))
    for side in (1, -1):
        pen.oval(side * head * 0.35, y + head * 0.05, 0.06, 0.065, INK)
