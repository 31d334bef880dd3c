"""Things that do not move: plants, food, dishes, devices, furniture, buildings, landscapes."""

# One point a line would tear the figures apart.
# fmt: off
from sightline.sample import scenes
from sightline.sample.canvas import CIRCLE, Colour, Pen
from sightline.sample.surfaces import coat, darker, tint

INK = (25, 22, 25)
STEM = (70, 130, 55)
WOOD = (140, 95, 55)


def flower(pen: Pen, petals: Colour, heart: Colour, kind: str) -> None:
    """daisy-like (sunflower), cup (tulip), bowl (poppy), rosette (rose) or lips (orchid)."""
    pen.curve([(0, 0), (pen.rng.uniform(-0.15, 0.15), 0.6), (0, 1.3)], 0.09, STEM)
    pen.oval(0.25, 0.75, 0.3, 0.1, darker(STEM, 20), tilt=-0.25)
    if kind == "tulip":
        for x in (-0.25, 0.25):
            pen.oval(x, -0.2, 0.26, 0.55, darker(petals, 25), shade=25, tilt=x * 0.4)
        pen.oval(0, -0.12, 0.3, 0.52, coat(pen, petals), shade=35)
    elif kind == "rose":
        for i in range(5):
            ring = 0.68 - i * 0.13
            pen.oval((-1) ** i * 0.05, -0.2 + 0.02 * i, ring, ring * 0.92,
                     darker(petals, 45 * (i % 2)), shade=35)
    elif kind == "orchid":
        for x, y, tilt in ((0, -0.65, 0), (-0.5, -0.3, -0.35), (0.5, -0.3, 0.35), (-0.38, 0.3, 0.4),
                           (0.38, 0.3, -0.4)):
            pen.oval(x, y, 0.24, 0.42, petals, shade=25, tilt=tilt)
        pen.blob([(-0.2, -0.1), (0.2, -0.1), (0.14, 0.3), (-0.14, 0.3)], heart)
    else:
        count, reach, width = (14, 0.62, 0.15) if kind == "sunflower" else (5, 0.38, 0.42)
        for i in range(count):
            c, s = CIRCLE[(i * 24 // count) % 24]
            tilted = s / (1 + c) if c > -0.99 else 1e6
            pen.oval(c * reach, s * reach - 0.2, 0.4 if count > 5 else 0.45, width,
                     darker(petals, 25 * (i % 2)), shade=15, tilt=tilted)
        size = 0.42 if kind == "sunflower" else 0.2
        pen.oval(0, -0.2, size, size, coat(pen, heart, darker(heart, 40), "knit"), shade=25)


def fruit(pen: Pen, skin: Colour, kind: str) -> None:
    """apple, orange, pear, sweet_pepper or mushroom."""
    peel = coat(pen, skin, darker(skin, 12), "spots" if kind == "orange" else "plain")
    if kind == "mushroom":
        pen.blob([(-0.2, 0), (-0.26, 0.8), (0.26, 0.8), (0.2, 0)], (235, 225, 205), shade=30)
        pen.blob([(-0.85, 0.05), (-0.6, -0.55), (0, -0.8), (0.6, -0.55), (0.85, 0.05), (0, 0.2)],
                 coat(pen, skin, (240, 235, 225), "spots"), shade=40)
        return
    if kind == "pear":
        pen.blob([(0, -0.75), (0.25, -0.5), (0.32, -0.1), (0.62, 0.4), (0, 0.85), (-0.62, 0.4),
                  (-0.32, -0.1), (-0.25, -0.5)], peel, shade=55)
        pen.line([(0, -0.7), (0.1, -1.0)], 0.08, WOOD)
    elif kind == "sweet_pepper":
        for x in (-0.36, 0.36, 0):
            pen.blob([(x - 0.3, -0.35), (x, -0.55), (x + 0.3, -0.35), (x + 0.22, 0.6), (x, 0.72),
                      (x - 0.22, 0.6)], darker(skin, 0 if x == 0 else 30), shade=50)
        pen.curve([(0, -0.5), (0.02, -0.75), (0.2, -0.9)], 0.15, STEM)
    else:
        top = -0.6 if kind == "apple" else -0.72
        pen.blob([(0, top), (0.5, -0.7), (0.8, -0.1), (0.5, 0.7), (0, 0.72), (-0.5, 0.7),
                  (-0.8, -0.1), (-0.5, -0.7)], peel, shade=60)
        if kind == "apple":
            pen.curve([(0, -0.5), (0.03, -0.75), (0.12, -0.95)], 0.08, WOOD)
            pen.oval(0.35, -0.85, 0.24, 0.1, STEM, tilt=-0.2)
        else:
            pen.oval(0.05, -0.5, 0.08, 0.07, (110, 120, 50))
    pen.oval(-0.3, -0.3, 0.12, 0.16, (255, 255, 250), opacity=110)


def tree(pen: Pen, leaves: Colour, kind: str) -> None:
    """maple, oak, palm, pine or willow."""
    r = pen.rng.uniform
    trunk = tint((105, 80, 55), pen.rng)
    if kind == "palm":
        pen.curve([(0.1, 1.1), (0.0, 0.3), (r(-0.2, 0.2), -0.45)], 0.13, trunk)
        for dx, dy in ((-0.9, -0.35), (-0.75, 0.15), (-0.4, -0.85), (0.4, -0.85), (0.9, -0.35),
                       (0.75, 0.15)):
            pen.curve([(0, -0.45), (dx * 0.6, dy * 0.8 - 0.35), (dx, dy)], 0.15,
                      darker(leaves, pen.rng.randrange(40)))
        return
    pen.line([(0, 1.1), (0, 0)], 0.2 if kind == "oak" else 0.13, trunk)
    if kind == "pine":
        for i in range(4):
            half, y = 0.28 + 0.16 * i, -0.95 + 0.36 * i
            pen.fill([(0, y - 0.15), (half, y + 0.5), (-half, y + 0.5)],
                     darker(leaves, 12 * (i % 2)), shade=25)
    elif kind == "willow":
        pen.oval(0, -0.4, 0.7, 0.45, coat(pen, leaves, darker(leaves, 40), "lines"), shade=30)
        for i in range(9):
            x = -0.8 + i * 0.2
            pen.curve([(x * 0.7, -0.5), (x, -0.1), (x * 1.1, r(0.3, 0.8))], 0.1,
                      darker(leaves, pen.rng.randrange(50)))
    else:
        crown = coat(pen, leaves, darker(leaves, 55), "spots" if kind == "oak" else "patches",
                     spread=25)
        puffs = ((-0.45, -0.2, 0.45), (0.45, -0.2, 0.45), (0, -0.5, 0.5), (0, -0.05, 0.5))
        if kind == "oak":
            puffs = ((-0.6, -0.1, 0.4), (0.6, -0.1, 0.4), (-0.3, -0.45, 0.4), (0.3, -0.45, 0.4),
                     (0, -0.1, 0.5))
        for x, y, size in puffs:
            pen.oval(x, y, size, size * (0.75 if kind == "oak" else 1), crown, shade=35)


def dish(pen: Pen, paint: Colour, kind: str) -> None:
    """bottle, bowl, can, cup or plate."""
    glaze = coat(pen, paint, darker(paint, 60), pen.rng.choice(["plain", "plain", "bands"]))
    if kind == "bottle":
        pen.blob([(-0.14, -0.95), (0.14, -0.95), (0.14, -0.4), (0.34, -0.1), (0.34, 0.9),
                  (-0.34, 0.9), (-0.34, -0.1), (-0.14, -0.4)], paint, shade=55)
        pen.box(-0.34, 0.15, 0.34, 0.6, (240, 235, 215), shade=20)
        pen.box(-0.13, -1.0, 0.13, -0.86, darker(paint, 90))
    elif kind == "bowl":
        pen.blob([(-0.85, -0.2), (-0.6, 0.45), (0, 0.65), (0.6, 0.45), (0.85, -0.2)], glaze,
                 shade=40)
        pen.oval(0, -0.2, 0.88, 0.22, darker(paint, 45))
        pen.oval(0, -0.18, 0.74, 0.15, tint((215, 180, 110), pen.rng))
    elif kind == "can":
        pen.oval(0, 0.75, 0.45, 0.14, darker(paint, 60))
        pen.box(-0.45, -0.7, 0.45, 0.75, coat(pen, paint, (240, 240, 240), "bands"), shade=55)
        pen.oval(0, -0.7, 0.45, 0.14, (205, 207, 212))
        pen.oval(0.05, -0.7, 0.15, 0.05, (120, 122, 128))
    elif kind == "cup":
        pen.curve([(0.4, -0.35), (0.85, -0.3), (0.8, 0.3), (0.4, 0.4)], 0.14, darker(paint, 30))
        pen.fill([(-0.55, -0.5), (0.5, -0.5), (0.4, 0.7), (-0.45, 0.7)], glaze, shade=45)
        pen.oval(-0.02, -0.5, 0.53, 0.16, (90, 55, 35))
    else:
        pen.oval(0, 0.1, 0.98, 0.62, darker(paint, 40))
        pen.oval(0, 0.05, 0.95, 0.6, paint, shade=20)
        pen.oval(0, 0.05, 0.62, 0.38, darker(paint, 22))
        pen.oval(0, 0.05, 0.56, 0.33, paint)


def device(pen: Pen, paint: Colour, kind: str) -> None:
    """clock, keyboard, lamp, telephone or television."""
    r = pen.rng.uniform
    if kind == "clock":
        pen.oval(0, 0, 0.85, 0.85, paint, shade=40)
        pen.oval(0, 0, 0.7, 0.7, (245, 243, 235))
        for i in range(0, 24, 2):
            pen.oval(CIRCLE[i, 0] * 0.58, CIRCLE[i, 1] * 0.58, 0.05, 0.05, INK)
        for length, width in ((0.35, 0.09), (0.55, 0.055)):
            c, s = CIRCLE[pen.rng.randrange(24)]
            pen.line([(0, 0), (c * length, s * length)], width, INK)
    elif kind == "keyboard":
        pen.fill([(-0.9, -0.35), (0.9, -0.35), (1.0, 0.4), (-1.0, 0.4)], paint, shade=15)
        key = darker(paint, 70) if min(paint) > 110 else (225, 225, 228)
        for row in range(4):
            for i in range(9):
                pen.box(-0.84 + i * 0.19, -0.25 + row * 0.16, -0.71 + i * 0.19, -0.15 + row * 0.16,
                        key)
    elif kind == "lamp":
        pen.line([(0, -0.2), (0, 0.8)], 0.09, darker(paint, 60))
        pen.oval(0, 0.85, 0.4, 0.12, darker(paint, 60))
        pen.oval(0, 0.0, 0.9, 0.6, (255, 245, 190), opacity=70)
        top = r(0.2, 0.4)
        pen.fill([(-top, -0.9), (top, -0.9), (0.62, -0.1), (-0.62, -0.1)],
                 coat(pen, (250, 230, 170)), shade=25)
    elif kind == "telephone":
        pen.fill([(-0.5, -0.1), (0.5, -0.1), (0.85, 0.7), (-0.85, 0.7)], paint, shade=30)
        pen.oval(0, 0.32, 0.34, 0.26, (235, 232, 225))
        pen.oval(0, 0.32, 0.14, 0.11, darker(paint, 40))
        pen.curve([(-0.8, -0.2), (-0.6, -0.55), (0.6, -0.55), (0.8, -0.2)], 0.24, darker(paint, 25))
    else:
        pen.box(-0.9, -0.65, 0.9, 0.5, (45, 45, 48), shade=20)
        pen.box(-0.8, -0.55, 0.8, 0.4, coat(pen, paint, tint(paint, pen.rng, 80), "patches"),
                shade=60)
        pen.box(-0.12, 0.5, 0.12, 0.65, (45, 45, 48))
        pen.box(-0.45, 0.62, 0.45, 0.72, (45, 45, 48))


def furniture(pen: Pen, paint: Colour, kind: str) -> None:
    """bed, chair, couch, table or wardrobe."""
    cloth = coat(pen, paint, darker(paint, 40), pen.rng.choice(["plain", "plain", "checks"]))
    dim = darker(paint, 50)
    if kind == "bed":
        pen.box(-0.95, -0.55, -0.8, 0.6, WOOD)
        pen.box(0.82, -0.05, 0.95, 0.6, WOOD)
        pen.box(-0.85, 0.05, 0.85, 0.42, cloth, shade=20)
        pen.blob([(-0.78, 0.02), (-0.7, -0.2), (-0.35, -0.2), (-0.3, 0.02)], (245, 245, 245))
        pen.box(-0.2, -0.04, 0.85, 0.2, dim)
    elif kind == "chair":
        for x, y in ((-0.4, -0.95), (0.3, 0.1)):
            pen.line([(x, y), (x - 0.03, 0.95)], 0.11, WOOD)
        pen.line([(-0.1, 0.15), (-0.12, 0.8)], 0.09, darker(WOOD, 40))
        pen.line([(0.55, 0.1), (0.55, 0.8)], 0.09, darker(WOOD, 40))
        for y in (-0.85, -0.55, -0.25):
            pen.line([(-0.4, y), (0.0, y - 0.05)], 0.11, WOOD)
        pen.fill([(-0.45, 0.05), (0.35, 0.12), (0.62, 0.0), (-0.1, -0.05)], cloth)
    elif kind == "couch":
        pen.blob([(-0.85, 0.3), (-0.8, -0.42), (0.8, -0.42), (0.85, 0.3)], cloth, shade=25)
        pen.box(-0.7, 0.0, 0.7, 0.32, darker(paint, 20), shade=15)
        pen.line([(0, -0.3), (0, 0.3)], 0.035, dim)
        for side in (1, -1):
            pen.oval(side * 0.85, 0.15, 0.17, 0.35, dim, shade=25)
    elif kind == "table":
        for x in (-0.75, 0.75, -0.45, 0.45):
            pen.line([(x, -0.1), (x, 0.85 if abs(x) > 0.5 else 0.6)], 0.11, darker(WOOD, 25))
        pen.fill([(-0.98, -0.05), (-0.6, -0.35), (0.6, -0.35), (0.98, -0.05), (0.98, 0.06),
                  (-0.98, 0.06)], coat(pen, tint(WOOD, pen.rng), darker(WOOD, 30), "stripes"),
                 shade=20)
    else:
        wood = tint(WOOD, pen.rng, 35)
        pen.box(-0.65, -0.95, 0.65, 0.95, coat(pen, wood, darker(wood, 25), "lines"), shade=25)
        pen.line([(0, -0.9), (0, 0.9)], 0.05, darker(wood, 70))
        for x in (-0.1, 0.1):
            pen.oval(x, 0.05, 0.05, 0.08, (235, 215, 140))


def building(pen: Pen, paint: Colour, kind: str) -> None:
    """bridge, castle, house, road or skyscraper."""
    r = pen.rng.uniform
    wall = coat(pen, paint, darker(paint, 25), "checks" if kind == "castle" else "plain")
    if kind == "house":
        pen.box(-0.65, -0.1, 0.65, 0.8, wall, shade=20)
        pen.box(0.3, -0.85, 0.48, -0.3, darker(paint, 60))
        pen.fill([(-0.85, -0.08), (0, r(-0.85, -0.6)), (0.85, -0.08)], tint((160, 65, 50), pen.rng),
                 shade=20)
        pen.box(-0.14, 0.3, 0.14, 0.8, (95, 60, 40))
        for x in (-0.42, 0.42):
            pen.box(x - 0.14, 0.12, x + 0.14, 0.4, (185, 215, 235))
    elif kind == "castle":
        pen.box(-0.8, -0.05, 0.8, 0.85, wall, shade=20)
        for x, top in ((-0.75, -0.6), (0.75, -0.6), (0, -0.85)):
            pen.box(x - 0.22, top, x + 0.22, 0.85, wall, shade=30)
            for i in (-1, 0, 1):
                pen.box(x + i * 0.17 - 0.06, top - 0.13, x + i * 0.17 + 0.06, top, paint)
        pen.blob([(-0.16, 0.9), (-0.16, 0.45), (0, 0.32), (0.16, 0.45), (0.16, 0.9)], INK)
    elif kind == "skyscraper":
        for x, half, top in ((-0.6, 0.28, r(-0.4, 0.2)), (0.6, 0.28, r(-0.4, 0.2)),
                             (0, 0.34, r(-1.0, -0.75))):
            shade = paint if x == 0 else darker(paint, 40)
            pen.box(x - half, top, x + half, 1.2, coat(pen, shade, darker(shade, 70), "windows"),
                    shade=30)
    elif kind == "bridge":
        for x in (-0.5, 0.5):
            pen.line([(x, -0.7), (x, 0.7)], 0.14, paint)
        pen.curve([(-1.3, 0.05), (-0.5, -0.65), (0, 0.0), (0.5, -0.65), (1.3, 0.05)], 0.07, paint)
        for i in range(9):
            pen.line([(-0.9 + i * 0.22, 0.15), (-0.9 + i * 0.22, -0.1)], 0.03, paint)
        pen.line([(-1.4, 0.2), (1.4, 0.2)], 0.16, darker(paint, 40))
    else:
        bend = r(-0.4, 0.4)
        pen.fill([(bend - 0.06, -0.25), (bend + 0.06, -0.25), (0.95, 1.3), (-0.95, 1.3)],
                 tint((100, 100, 104), pen.rng))
        for i in range(4):
            y = -0.1 + i * i * 0.11
            at = bend * (1 - (y + 0.25) / 1.55)
            pen.line([(at, y), (at * 0.9, y + 0.06 + 0.04 * i)], 0.04 + 0.02 * i, (245, 240, 210))


def landscape(pen: Pen, kind: str) -> None:
    """cloud, forest, mountain, plain or sea: the whole picture."""
    r = pen.rng.uniform
    if kind == "cloud":
        scenes.sky(pen, clouds=False)
        for _ in range(3):
            scenes.cloud(pen, r(-0.6, 0.6), r(-0.6, 0.6), r(0.4, 0.75))
    elif kind == "forest":
        scenes.forest(pen)
        for i in range(6):
            x = -0.9 + i * 0.36 + r(-0.1, 0.1)
            pen.line([(x, -1.2), (x + r(-0.06, 0.06), 1.2)], r(0.07, 0.18),
                     tint((85, 68, 52), pen.rng))
    elif kind == "mountain":
        scenes.ground(pen, scenes.GRASS, "sky")
        rock = tint((120, 115, 120), pen.rng)
        for x, top in ((r(-0.7, -0.4), r(-0.5, -0.2)), (r(0.0, 0.5), r(-0.9, -0.6))):
            pen.fill([(x, top), (x + 0.95, 0.6), (x - 0.95, 0.6)],
                     coat(pen, rock, darker(rock, 30), "print"), shade=45)
            pen.fill([(x, top), (x + 0.27, top + 0.35), (x + 0.08, top + 0.25),
                      (x - 0.1, top + 0.38), (x - 0.25, top + 0.33)], (245, 247, 250))
    elif kind == "plain":
        scenes.ground(pen, scenes.GRASS[1:3], "sky")
        for i in range(4):
            pen.line([(-1.2, 0.35 + i * 0.22), (1.2, r(0.3, 0.4) + i * 0.22)], 0.05, (190, 175, 95),
                     opacity=120)
    else:
        scenes.water(pen)
        for i in range(4):
            y = 0.25 + i * 0.22
            pen.curve([(-1.2, y), (-0.5, y - 0.06), (0, y + 0.03), (0.6, y - 0.05), (1.2, y)], 0.05,
                      (230, 238, 242), opacity=150)
