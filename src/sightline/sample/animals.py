"""Animals, each a function of a pen and the looks that tell its kinds apart."""

# One point a line would tear the figures apart.
# fmt: off
from sightline.sample.canvas import Colour, Pen
from sightline.sample.surfaces import coat, darker

INK = (25, 22, 25)


def quadruped(
    pen: Pen, fur: Colour, second: Colour | None = None, marks: str = "plain",
    belly: Colour | None = None, rx: float = 0.5, ry: float = 0.24, leg: float = 0.42,
    thick: float = 0.11, neck: tuple[float, float] = (0.16, 0.22), head: float = 0.19,
    snout: float = 0.16, ears: str = "point", tail: str = "long", extra: str = "",
) -> None:
    """Side view, facing right. `rx`, `ry`: half axes of the body; `neck`: from its front to head.

    ears: point, round, flop, long, big or none; tail: long, up, bushy, hair, short, flat or none;
    extra: words among antlers, horns, mane, lion, hump, trunk, quills, mask.
    """
    r = pen.rng.uniform
    skin = coat(pen, fur, second, marks)
    dim = darker(fur, 35)
    ground = ry + leg
    step = r(-0.1, 0.1)
    tails = {"long": ([(-rx, -0.1), (-rx - 0.2, 0.0), (-rx - 0.28, 0.3)], 0.08),
             "up": ([(-rx, -0.08), (-rx - 0.22, -0.2), (-rx - 0.15, -0.6)], 0.09),
             "bushy": ([(-rx + 0.05, -0.05), (-rx - 0.2, -0.25), (-rx - 0.3, -0.45)], 0.24),
             "hair": ([(-rx + 0.03, -0.15), (-rx - 0.14, 0.05), (-rx - 0.16, 0.4)], 0.15),
             "short": ([(-rx, -0.12), (-rx - 0.1, -0.2)], 0.1),
             "flat": ([(-rx, 0.1), (-rx - 0.38, 0.16)], 0.22),
             "thin": ([(-rx, 0.05), (-rx - 0.25, 0.12), (-rx - 0.45, 0.0)], 0.045)}
    if tail in tails:
        pen.curve(*tails[tail], dim if tail in ("hair", "flat") else fur)
    for x, shift in ((0.62, -0.1), (-0.62, 0.1)):
        pen.line([(x * rx, 0), (x * rx + shift - step, ground)], thick, darker(fur, 55))
    for x in (0.8, -0.8):
        pen.line([(x * rx, 0), (x * rx + step, ground)], thick, dim)
    hx, hy = rx + neck[0], -neck[1]
    if "mane" in extra:
        pen.line([(rx * 0.5, -ry * 0.7), (hx - 0.12, hy - 0.12)], 0.24, darker(fur, 80))
    pen.line([(rx * 0.65, -ry * 0.2), (hx, hy)], max(head * 1.1, 0.16), skin)
    pen.oval(0, 0, rx, ry, skin, shade=35)
    if "hump" in extra:
        pen.oval(-0.05, -ry, rx * 0.4, ry * 0.75, skin, shade=25)
    if belly:
        pen.oval(0, ry * 0.55, rx * 0.75, ry * 0.4, belly)
    if "quills" in extra:
        for i in range(9):
            x = -rx + i * rx * 0.2
            pen.line([(x + 0.12, -ry * 0.3), (x - 0.14, -ry - 0.32)], 0.05, (225, 215, 195))
    if "antlers" in extra:
        for lean in (-0.22, 0.12):
            tip = (hx + lean, hy - 0.62)
            pen.line([(hx - 0.02, hy - 0.1), (hx + lean * 0.9, hy - 0.36), tip], 0.055,
                     (120, 85, 50))
            pen.line([(hx + lean * 0.8, hy - 0.33), (hx + lean + 0.2, hy - 0.5)], 0.05,
                     (120, 85, 50))
    if "horns" in extra:
        pen.curve([(hx - 0.05, hy - 0.1), (hx - 0.02, hy - 0.32), (hx + 0.15, hy - 0.36)], 0.07,
                  (235, 225, 200))
    if "lion" in extra:
        pen.oval(hx - 0.04, hy + 0.02, head * 1.75, head * 1.8, darker(fur, 70), shade=20)
    pen.oval(hx, hy, head, head * 0.92, skin, shade=25)
    pen.oval(hx + head * 0.6 + snout * 0.5, hy + head * 0.3, snout * 0.9, head * 0.45, belly or fur)
    pen.oval(hx + head * 0.6 + snout * 1.35, hy + head * 0.22, 0.05, 0.05, INK)
    if "mask" in extra:
        pen.oval(hx + head * 0.35, hy - 0.02, head * 0.6, head * 0.28, INK)
    if "trunk" in extra:
        pen.curve([(hx + head * 0.7, hy), (hx + head * 1.5, hy + 0.25),
                   (hx + head * 1.3, hy + 0.62)], 0.15, fur)
        pen.curve([(hx + head * 0.6, hy + 0.15), (hx + head * 1.6, hy + 0.26)], 0.06,
                  (240, 238, 225))
    _ears(pen, ears, hx, hy, head, fur)
    pen.oval(hx + head * 0.4, hy - head * 0.15, 0.045, 0.05, (240, 235,
                                                              200) if "mask" in extra else INK)


def _ears(pen: Pen, kind: str, x: float, y: float, head: float, fur: Colour) -> None:
    dim = darker(fur, 45)
    if kind == "point":
        for at in (-0.65, 0.15):
            pen.fill([(x + at * head - head * 0.3, y - head * 0.5),
                      (x + at * head + head * 0.4, y - head * 0.6),
                      (x + at * head, y - head * 1.6)], dim)
    elif kind == "round":
        for at in (-0.6, 0.35):
            pen.oval(x + at * head, y - head * 0.85, head * 0.38, head * 0.38, dim)
    elif kind == "flop":
        pen.oval(x - head * 0.45, y + head * 0.25, head * 0.38, head * 0.85, dim, tilt=0.1)
    elif kind == "long":
        for at in (-0.5, -0.05):
            pen.oval(x + at * head, y - head * 1.6, head * 0.22, head * 1.0, fur, tilt=-0.1)
    elif kind == "big":
        pen.oval(x - head * 0.6, y + head * 0.1, head * 0.8, head * 1.1, dim, shade=25)


def face(
    pen: Pen, fur: Colour, second: Colour | None = None, marks: str = "plain",
    muzzle: Colour = (235, 225, 210), ears: str = "point", eyes: Colour = INK, long: float = 0.3,
    extra: str = "",
) -> None:
    """Seen from the front, head and shoulders. `long`: half height of the muzzle."""
    r = pen.rng.uniform
    skin = coat(pen, fur, second, marks)
    dim = darker(fur, 45)
    pen.blob([(-0.6, 1.2), (-0.5, 0.5), (0.5, 0.5), (0.6, 1.2)], skin, shade=20)
    if "lion" in extra:
        pen.oval(0, 0.05, 1.0, 1.0, darker(fur, 70), shade=25)
    for side in (1, -1):
        if ears == "point":
            pen.fill([(side * 0.15, -0.5), (side * 0.62, -0.25), (side * r(0.55, 0.7), -1.0)], dim)
            pen.fill([(side * 0.3, -0.5), (side * 0.55, -0.35), (side * 0.56, -0.8)],
                     (215, 150, 145))
        elif ears == "round":
            pen.oval(side * 0.5, -0.55, 0.24, 0.24, dim)
    pen.oval(0, 0, 0.68, 0.65, skin, shade=30)
    if ears == "flop":
        for side in (1, -1):
            pen.oval(side * 0.66, 0.0, 0.2, r(0.45, 0.62), dim, shade=20, tilt=-side * 0.08)
    if "mask" in extra:
        pen.oval(0, -0.1, 0.6, 0.2, INK)
    pen.oval(0, 0.3, 0.32 if long < 0.3 else 0.28, long, muzzle)
    for side in (1, -1):
        pen.oval(side * 0.28, -0.12, 0.12, 0.11, eyes)
        pen.oval(side * 0.28, -0.12, 0.05, 0.1, INK)
    nose = 0.08 if long < 0.3 else 0.14
    pen.oval(0, 0.18, nose, nose * 0.8, (190, 110, 110) if long < 0.3 else INK)
    if "tongue" in extra:
        pen.oval(0, 0.58, 0.1, 0.18, (225, 100, 110))
    if "whiskers" in extra:
        for side in (1, -1):
            for y in (0.2, 0.38):
                pen.line([(side * 0.2, 0.3), (side * 0.85, y)], 0.03, (245, 245, 245))


def bird(
    pen: Pen, plumage: Colour, second: Colour, beak: Colour = (235, 160, 40), flying: bool = False,
    neck: float = 0.0, leg: float = 0.3,
) -> None:
    """On its legs, facing right, or flying with its wings spread."""
    r = pen.rng.uniform
    body = coat(pen, plumage, second, "plain")
    if flying:
        up = r(-0.75, -0.35)
        pen.blob([(-0.1, 0), (-0.45, up * 0.6), (-1.0, up), (-0.6, 0.02)], darker(second, 20),
                 shade=25)
        pen.blob([(0.1, 0), (0.45, up * 0.6), (1.0, up), (0.6, 0.02)], second, shade=25)
        pen.fill([(-0.12, 0.1), (0.12, 0.1), (0.22, 0.65), (-0.22, 0.65)], darker(plumage, 40))
        pen.oval(0, 0.1, 0.2, 0.34, body, shade=30)
        pen.oval(0, -0.25, 0.15, 0.15, body)
        pen.fill([(-0.07, -0.34), (0.07, -0.34), (0, -0.55)], beak)
        return
    for x in (-0.06, 0.12):
        pen.line([(x, 0.3), (x + 0.03, 0.4 + leg), (x + 0.14, 0.42 + leg)], 0.05, darker(beak, 40))
    pen.fill([(-0.35, 0.0), (-0.95, r(-0.15, 0.35)), (-0.9, 0.42), (-0.25, 0.25)],
             darker(second, 30))
    hx, hy = 0.42, -0.4 - neck
    pen.curve([(0.25, 0.0), (0.36, -0.25), (hx, hy)], 0.26 - neck * 0.2, body)
    pen.oval(0, 0.1, 0.5, 0.32, body, shade=40, tilt=-0.15)
    pen.oval(-0.12, 0.08, 0.38, 0.2, second, shade=25, tilt=0.1)
    pen.oval(hx, hy, 0.21, 0.2, body, shade=20)
    pen.fill([(hx + 0.15, hy - 0.08), (hx + 0.15, hy + 0.1), (hx + r(0.38, 0.55), hy + 0.04)], beak)
    pen.oval(hx + 0.06, hy - 0.05, 0.045, 0.045, INK)


def frog(pen: Pen, skin: Colour, second: Colour) -> None:
    """Sitting, from the front or the side, bulging eyes and folded legs."""
    body = coat(pen, skin, second, pen.rng.choice(["plain", "spots"]))
    dim = darker(skin, 35)
    if pen.rng.random() < 0.5:  # from the front
        for side in (1, -1):
            pen.curve([(side * 0.4, 0.1), (side * 0.95, 0.2), (side * 0.55, 0.6),
                       (side * 0.9, 0.68)], 0.2, dim)
        pen.blob([(-0.6, 0.55), (-0.55, -0.1), (0, -0.35), (0.55, -0.1), (0.6, 0.55), (0, 0.68)],
                 body, shade=30)
        pen.oval(0, 0.42, 0.38, 0.22, (225, 225, 170))
        eyes = ((-0.36, -0.32), (0.36, -0.32))
        pen.curve([(-0.42, 0.08), (0, 0.2), (0.42, 0.08)], 0.05, INK)
    else:
        pen.blob([(-0.75, 0.5), (-0.5, -0.05), (0.1, -0.35), (0.65, -0.15), (0.75, 0.1),
                  (0.3, 0.5)], body, shade=35)
        pen.curve([(-0.6, 0.3), (0.05, 0.1), (-0.35, 0.55), (0.1, 0.62)], 0.22, dim)
        pen.line([(0.4, 0.25), (0.35, 0.6), (0.55, 0.63)], 0.13, dim)
        pen.line([(0.4, 0.1), (0.75, 0.08)], 0.04, INK)
        eyes = ((0.4, -0.34),)
    for x, y in eyes:
        pen.oval(x, y, 0.18, 0.18, skin)
        pen.oval(x, y, 0.12, 0.12, (240, 220, 90))
        pen.oval(x, y, 0.06, 0.07, INK)
