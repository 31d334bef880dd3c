"""The classes of CIFAR-10 and CIFAR-100: which figure, in which colours, before which scene."""

# The classes read as a table.
# fmt: off
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sightline.sample import animals, creatures, scenes, things, vehicles
from sightline.sample.canvas import Colour, Pen
from sightline.sample.surfaces import grain, noise, tint

Palette = tuple[Colour, ...]

BROWN = ((130, 90, 55), (165, 115, 70), (100, 70, 48))
GREY = ((140, 140, 145), (110, 112, 118), (175, 175, 178))
DARK = ((50, 48, 50), (70, 60, 55))
WHITE = ((240, 238, 232), (222, 222, 225))
TAWNY = ((205, 160, 95), (190, 140, 80), (220, 180, 125))
ORANGE = ((225, 125, 45), (205, 100, 40))
RED = ((200, 45, 40), (225, 65, 60), (160, 30, 35))
PINK = ((235, 130, 165), (220, 90, 140), (240, 175, 195))
YELLOW = ((240, 200, 50), (250, 220, 90))
GREEN = ((70, 130, 55), (110, 150, 60), (50, 100, 60))
BLUE = ((55, 90, 170), (85, 130, 200), (40, 60, 120))
PURPLE = ((140, 70, 160), (175, 110, 200))
SKIN = ((240, 200, 170), (215, 165, 130), (150, 105, 75), (105, 70, 50))
TABBY = BROWN + GREY + TAWNY + ORANGE
FUR = BROWN + GREY + DARK + WHITE + TAWNY
PAINT = RED + BLUE + WHITE + DARK + YELLOW + GREEN + GREY


@dataclass(frozen=True)
class Kind:
    """One way a class can look. A colour is drawn from each palette and handed to the figure."""

    figure: Callable[..., None]
    palettes: tuple[Palette, ...]
    scene: Callable[[Pen], None] | None
    look: dict[str, Any] = field(default_factory=dict)
    tilt: float = 0.06
    size: tuple[float, float] = (9, 14.5)


def kind(
    scene: Callable[[Pen], None] | None, figure: Callable[..., None], *palettes: Palette,
    tilt: float = 0.06, size: tuple[float, float] = (9, 14.5), **look: Any,
) -> Kind:
    """Return a Kind; what is left over goes to the figure by name."""
    return Kind(figure, palettes, scene, look, tilt, size)


quadruped, face = animals.quadruped, animals.face
CAT: dict[str, Any] = dict(
    leg=0.34, rx=0.46, ry=0.2, thick=0.1, neck=(0.12, 0.2), head=0.22, snout=0.07, tail="up"
)
DOG: dict[str, Any] = dict(
    leg=0.4, rx=0.46, ry=0.21, neck=(0.14, 0.26), head=0.2, snout=0.2, ears="flop", tail="short"
)
DEER: dict[str, Any] = dict(
    leg=0.58, rx=0.42, ry=0.19, thick=0.075, neck=(0.2, 0.5), head=0.14, snout=0.16, tail="short"
)
HORSE: dict[str, Any] = dict(
    leg=0.6, rx=0.5, ry=0.24, thick=0.1, neck=(0.24, 0.46), head=0.15, snout=0.24, tail="hair"
)

CIFAR10: dict[str, tuple[Kind, ...]] = {
    "airplane": (
        kind(scenes.sky, vehicles.plane, WHITE + GREY, PAINT, tilt=0.35),
        kind(scenes.street, vehicles.plane, WHITE + GREY, PAINT, tilt=0.05),
    ),
    "automobile": (
        kind(scenes.street, vehicles.car, PAINT, body="saloon"),
        kind(scenes.street, vehicles.car, PAINT, body="hatch"),
    ),
    "bird": (
        kind(scenes.foliage, animals.bird, FUR + RED + BLUE, FUR),
        kind(scenes.wild, animals.bird, FUR + WHITE, FUR, neck=0.3, leg=0.35),
        kind(scenes.sky, animals.bird, FUR, FUR, flying=True, tilt=0.3),
    ),
    "cat": (
        kind(scenes.room, quadruped, TABBY, DARK, marks="lines", **CAT),
        kind(scenes.field, quadruped, FUR + ORANGE, WHITE, marks="patches", **CAT),
        kind(scenes.anywhere, face, TABBY + DARK, DARK, marks="lines", long=0.2,
             eyes=(190, 200, 70), extra="whiskers"),
    ),
    "deer": (
        kind(scenes.wild, quadruped, BROWN + TAWNY, WHITE, marks="spots", extra="antlers", **DEER),
        kind(scenes.forest, quadruped, BROWN + TAWNY, extra="antlers", **DEER),
        kind(scenes.wild, quadruped, BROWN + TAWNY, WHITE, marks="spots", **DEER),
    ),
    "dog": (
        kind(scenes.anywhere, quadruped, FUR, FUR, marks="patches", **DOG),
        kind(scenes.field, quadruped, FUR, **DOG),
        kind(scenes.anywhere, face, FUR, FUR, marks="patches", ears="flop", long=0.36,
             extra="tongue"),
    ),
    "frog": (kind(scenes.foliage, animals.frog, GREEN + BROWN, DARK + YELLOW),
             kind(scenes.wild, animals.frog, GREEN + BROWN, DARK + YELLOW)),
    "horse": (kind(scenes.wild, quadruped, BROWN + DARK + WHITE + TAWNY, WHITE, marks="patches",
                   extra="mane", **HORSE),
              kind(scenes.field, quadruped, BROWN + DARK + WHITE + TAWNY, extra="mane", **HORSE)),
    "ship": (kind(scenes.water, vehicles.ship, PAINT),),
    "truck": (kind(scenes.street, vehicles.truck, PAINT, PAINT),),
}

SMALL: dict[str, Any] = dict(
    leg=0.14, rx=0.5, ry=0.33, thick=0.1, neck=(0.12, 0.02), head=0.26, snout=0.08
)
BIG: dict[str, Any] = dict(
    leg=0.34, rx=0.55, ry=0.27, thick=0.15, neck=(0.16, 0.16), head=0.22, snout=0.14
)
swimmer, fur = creatures.swimmer, quadruped

# The 20 superclasses of CIFAR-100, each with its five classes.
CIFAR100: dict[str, dict[str, Kind]] = {
    "aquatic_mammals": {
        "beaver": kind(scenes.water, fur, BROWN[2:], tail="flat", ears="round", **SMALL),
        "dolphin": kind(scenes.water, swimmer, GREY, WHITE, height=0.22, fin="sharp", tilt=0.2),
        "otter": kind(scenes.water, fur, BROWN, leg=0.16, rx=0.62, ry=0.17, neck=(0.12, 0.16),
                      head=0.17, ears="round"),
        "seal": kind(scenes.water, creatures.seal, GREY),
        "whale": kind(scenes.water, swimmer, BLUE[2:] + DARK, WHITE, height=0.42, fin="none",
                      spout=True),
    },
    "fish": {
        "aquarium_fish": kind(scenes.deep, swimmer, ORANGE + YELLOW, WHITE, height=0.4, fin="fan",
                              marks="stripes", second=(250, 250, 245)),
        "flatfish": kind(scenes.deep, creatures.flatfish, BROWN + TAWNY, DARK, tilt=0.5),
        "ray": kind(scenes.deep, creatures.flatfish, GREY + DARK, WHITE, ray=True, tilt=0.5),
        "shark": kind(scenes.deep, swimmer, GREY, WHITE, height=0.22, fin="sharp", tilt=0.15),
        "trout": kind(scenes.field, swimmer, GREEN + TAWNY, WHITE, height=0.26, marks="spots",
                      second=(60, 50, 40), tilt=0.15),
    },
    "flowers": {
        "orchid": kind(scenes.foliage, things.flower, PINK + PURPLE + WHITE, YELLOW + PURPLE,
                       kind="orchid"),
        "poppy": kind(scenes.foliage, things.flower, RED + ORANGE, DARK, kind="poppy"),
        "rose": kind(scenes.foliage, things.flower, RED + PINK + YELLOW, RED, kind="rose"),
        "sunflower": kind(scenes.foliage, things.flower, YELLOW, BROWN, kind="sunflower"),
        "tulip": kind(scenes.foliage, things.flower, RED + PINK + YELLOW + PURPLE, RED,
                      kind="tulip"),
    },
    "food_containers": {
        name: kind(scenes.studio if name == "bottle" else scenes.room, things.dish, PAINT + ORANGE,
                   kind=name)
        for name in ("bottle", "bowl", "can", "cup", "plate")
    },
    "fruit_and_vegetables": {
        "apple": kind(scenes.studio, things.fruit, RED + GREEN + YELLOW, kind="apple"),
        "mushroom": kind(scenes.field, things.fruit, BROWN + RED + TAWNY, kind="mushroom"),
        "orange": kind(scenes.studio, things.fruit, ORANGE, kind="orange"),
        "pear": kind(scenes.studio, things.fruit, ((200, 205, 90), (165, 180, 70)), kind="pear"),
        "sweet_pepper": kind(scenes.studio, things.fruit, RED + GREEN + YELLOW + ORANGE,
                             kind="sweet_pepper"),
    },
    "household_electrical_devices": {
        name: kind(scenes.room, things.device, PAINT, kind=name)
        for name in ("clock", "keyboard", "lamp", "telephone", "television")
    },
    "household_furniture": {
        name: kind(scenes.room, things.furniture, PAINT, kind=name, tilt=0.02)
        for name in ("bed", "chair", "couch", "table", "wardrobe")
    },
    "insects": {
        "bee": kind(scenes.foliage, creatures.insect, YELLOW, DARK, ((235, 240, 245),),
                    marks="lines", tilt=0.6),
        "beetle": kind(scenes.anywhere, creatures.insect, GREEN + BLUE + RED + DARK, DARK,
                       slim=0.42, tilt=0.6),
        "butterfly": kind(scenes.foliage, creatures.butterfly, ORANGE + BLUE + YELLOW + PURPLE,
                          WHITE + YELLOW, tilt=0.3),
        "caterpillar": kind(scenes.foliage, creatures.crawler, GREEN + YELLOW, GREEN + DARK,
                            kind="caterpillar", tilt=0.3),
        "cockroach": kind(scenes.room, creatures.insect, BROWN, DARK, slim=0.24, feelers=0.75,
                          tilt=0.6),
    },
    "large_carnivores": {
        "bear": kind(scenes.wild, fur, BROWN + DARK, ears="round", tail="none", **BIG),
        "leopard": kind(scenes.wild, fur, TAWNY, DARK, marks="spots", ears="round", tail="long",
                        **BIG),
        "lion": kind(scenes.desert, fur, TAWNY, extra="lion", ears="none", tail="long", **BIG),
        "tiger": kind(scenes.wild, fur, ORANGE, DARK, marks="lines", ears="round", tail="long",
                      **BIG),
        "wolf": kind(scenes.wild, fur, GREY, WHITE, leg=0.42, rx=0.46, ry=0.2, snout=0.24,
                     tail="bushy"),
    },
    "large_man-made_outdoor_things": {
        "bridge": kind(scenes.water, things.building, RED + GREY, kind="bridge", tilt=0.03),
        "castle": kind(scenes.field, things.building, GREY + TAWNY, kind="castle", tilt=0.02),
        "house": kind(scenes.field, things.building, WHITE + TAWNY + YELLOW + GREY, kind="house",
                      tilt=0.02),
        "road": kind(scenes.wild, things.building, GREY, kind="road", tilt=0.02),
        "skyscraper": kind(scenes.sky, things.building, GREY + BLUE + TAWNY, kind="skyscraper",
                           tilt=0.02),
    },
    "large_natural_outdoor_scenes": {
        name: kind(None, things.landscape, kind=name, size=(16, 17), tilt=0.0)
        for name in ("cloud", "forest", "mountain", "plain", "sea")
    },
    "large_omnivores_and_herbivores": {
        "camel": kind(scenes.desert, fur, TAWNY, leg=0.6, rx=0.42, ry=0.22, neck=(0.3, 0.4),
                      head=0.13, extra="hump", ears="round", tail="short"),
        "cattle": kind(scenes.field, fur, BROWN + WHITE, DARK, marks="patches", leg=0.36, rx=0.58,
                       ry=0.3, neck=(0.14, 0.14), extra="horns", ears="flop", tail="long"),
        "chimpanzee": kind(scenes.forest, creatures.upright, DARK, kind="chimpanzee"),
        "elephant": kind(scenes.wild, fur, GREY, leg=0.42, rx=0.5, ry=0.36, thick=0.2,
                         neck=(0.08, 0.2), head=0.26, snout=0.05, ears="big", extra="trunk",
                         tail="short", size=(9.5, 12.5)),
        "kangaroo": kind(scenes.desert, creatures.upright, BROWN + TAWNY, kind="kangaroo"),
    },
    "medium_mammals": {
        "fox": kind(scenes.wild, fur, ORANGE, tail="bushy", leg=0.34, rx=0.42, ry=0.18, snout=0.2,
                    belly=(240, 235, 225)),
        "porcupine": kind(scenes.wild, fur, BROWN[2:] + DARK, extra="quills", tail="short",
                          ears="none", **SMALL),
        "possum": kind(scenes.forest, fur, GREY, WHITE, marks="patches", tail="thin", leg=0.22,
                       rx=0.48, ry=0.24, snout=0.24, ears="round"),
        "raccoon": kind(scenes.forest, fur, GREY, DARK, extra="mask", tail="bushy", leg=0.24,
                        rx=0.46, ry=0.26, ears="point"),
        "skunk": kind(scenes.field, fur, ((30, 30, 33),), WHITE, marks="bands", tail="bushy",
                      leg=0.2, rx=0.46, ry=0.24, ears="round"),
    },
    "non-insect_invertebrates": {
        "crab": kind(scenes.desert, creatures.clawed, RED + ORANGE, tilt=0.2),
        "lobster": kind(scenes.deep, creatures.clawed, RED + BLUE[2:], long=True, tilt=0.4,
                        size=(11, 13)),
        "snail": kind(scenes.foliage, creatures.snail, TAWNY + GREY, BROWN + ORANGE),
        "spider": kind(scenes.anywhere, creatures.spider, DARK + BROWN, tilt=0.6),
        "worm": kind(scenes.desert, creatures.crawler, ((240, 175, 195), (200, 130, 115)), PINK,
                     kind="worm", tilt=0.4),
    },
    "people": {
        name: kind(scenes.anywhere, creatures.person, SKIN, DARK + BROWN + YELLOW, PAINT + PINK,
                   kind=name)
        for name in ("baby", "boy", "girl", "man", "woman")
    },
    "reptiles": {
        "crocodile": kind(scenes.water, creatures.reptile, GREEN + DARK, DARK, kind="crocodile"),
        "dinosaur": kind(scenes.wild, creatures.reptile, GREEN + BROWN + PURPLE, TAWNY,
                         kind="dinosaur"),
        "lizard": kind(scenes.desert, creatures.reptile, GREEN + BROWN + TAWNY, DARK, kind="lizard",
                       tilt=0.2),
        "snake": kind(scenes.wild, creatures.crawler, GREEN + BROWN + YELLOW, DARK + BROWN,
                      kind="snake"),
        "turtle": kind(scenes.wild, creatures.reptile, GREEN + BROWN, GREEN + BROWN, kind="turtle"),
    },
    "small_mammals": {
        "hamster": kind(scenes.room, fur, ORANGE + TAWNY, WHITE, marks="patches", tail="none",
                        ears="round", belly=(245, 240, 230), **SMALL),
        "mouse": kind(scenes.studio, fur, GREY + WHITE, tail="thin", ears="big", leg=0.12, rx=0.42,
                      ry=0.24, head=0.2, snout=0.12),
        "rabbit": kind(scenes.field, fur, GREY + WHITE + BROWN, tail="short", ears="long", **SMALL),
        "shrew": kind(scenes.field, fur, DARK + BROWN[2:], tail="thin", ears="none", leg=0.1,
                      rx=0.5, ry=0.2, neck=(0.08, -0.02), head=0.17, snout=0.3),
        "squirrel": kind(scenes.forest, fur, ORANGE + BROWN, tail="bushy", ears="point", leg=0.16,
                         rx=0.34, ry=0.24, head=0.2, snout=0.08),
    },
    "trees": {
        f"{name}_tree": kind(scenes.field, things.tree, palette, kind=name, tilt=0.03)
        for name, palette in (
            ("maple", RED + ORANGE), ("oak", GREEN), ("palm", GREEN),
            ("pine", ((35, 75, 50), (45, 90, 65))), ("willow", ((150, 170, 80), (120, 150, 70))),
        )
    },
    "vehicles_1": {
        "bicycle": kind(scenes.street, vehicles.cycle, PAINT),
        "bus": kind(scenes.street, vehicles.carriage, PAINT, kind="bus"),
        "motorcycle": kind(scenes.street, vehicles.cycle, PAINT, motor=True),
        "pickup_truck": kind(scenes.street, vehicles.car, PAINT, body="pickup"),
        "train": kind(scenes.wild, vehicles.carriage, PAINT, kind="train"),
    },
    "vehicles_2": {
        "lawn_mower": kind(scenes.field, vehicles.mower, RED + GREEN + ORANGE),
        "rocket": kind(scenes.sky, vehicles.rocket, WHITE, RED + BLUE, tilt=0.15),
        "streetcar": kind(scenes.street, vehicles.carriage, PAINT, kind="streetcar"),
        "tank": kind(scenes.wild, vehicles.tank, ((95, 100, 65), (150, 130, 90), (85, 90, 85))),
        "tractor": kind(scenes.field, vehicles.tractor, RED + GREEN + BLUE),
    },
}

FINE = sorted(name for group in CIFAR100.values() for name in group)
COARSE = list(CIFAR100)
GROUP = [next(i for i, c in enumerate(COARSE) if name in CIFAR100[c]) for name in FINE]


def cifar10(label: int, rng: random.Random) -> np.ndarray:
    """Draw one thing of CIFAR-10's ten classes: uint8 32 x 32 x 3."""
    return picture(rng.choice(list(CIFAR10.values())[label]), 32, 32, rng)


def cifar100(label: int, rng: random.Random) -> np.ndarray:
    """Draw one thing of CIFAR-100's hundred classes: uint8 32 x 32 x 3."""
    return picture(CIFAR100[COARSE[GROUP[label]]][FINE[label]], 32, 32, rng)


def picture(kind: Kind, height: int, width: int, rng: random.Random) -> np.ndarray:
    """Draw one picture of a kind: uint8 height x width x 3."""
    pen = Pen(height, width, 3, rng)
    if kind.scene:
        kind.scene(pen)
    unit = min(height, width) / 32
    pen.place(
        width / 2 + rng.uniform(-4, 4) * unit, height / 2 + rng.uniform(-3, 4) * unit,
        rng.uniform(*kind.size) * unit, aspect=rng.uniform(0.88, 1.12) * rng.choice((-1, 1)),
        tilt=rng.uniform(-kind.tilt, kind.tilt), shear=rng.uniform(-0.1, 0.1),
    )
    colours = [tint(rng.choice(palette), rng) for palette in kind.palettes]
    kind.figure(pen, *colours, **kind.look)
    _photograph(pen)
    return pen.picture()


def _photograph(pen: Pen) -> None:
    """Make it a camera's picture: exposure, white balance, uneven light, noise."""
    uneven = noise(pen.height, pen.width, 1, pen.rng, cells=2, spread=45)
    exposure = 250 + pen.rng.randrange(-60, 40)
    balance = np.array([exposure + pen.rng.randrange(-22, 23) for _ in range(3)])
    pen.pixels[:] = (pen.pixels * (uneven + balance) >> 8) + grain(pen.pixels.shape, pen.rng, 8)
