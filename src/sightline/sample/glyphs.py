"""Digits as people write them: strokes with random slant, proportions, thickness and wobble."""

import random
from functools import cache

import numpy as np

from sightline.sample.canvas import Pen, smooth
from sightline.sample.surfaces import noise

# Each digit: the shapes people give it. A shape: strokes, separated by /; a stroke: points x,y of
# a smooth curve in a box from 0 to 100, y down; a point given twice makes a corner.
DIGITS = (
    (  # 0: an oval; an oval closed with an overshoot
        "55,0 15,18 5,60 35,100 80,85 95,40 55,0",
        "40,5 5,40 15,90 60,100 95,60 85,15 45,0 25,18",
    ),
    (  # 1: a bar; with a flag; with a flag and a foot
        "50,0 50,50 50,100",
        "20,27 45,12 55,0 55,0 54,50 53,100",
        "20,25 52,0 52,0 52,100 / 20,100 50,100 85,99",
    ),
    (  # 2: a flat foot; a loop at the foot; angular
        "10,25 35,1 80,12 75,45 35,80 5,100 5,100 50,98 100,97",
        "10,22 45,0 85,22 60,60 20,95 5,85 25,75 60,95 100,90",
        "5,10 60,0 90,20 60,55 5,98 5,98 95,98",
    ),
    (  # 3: round; with a flat top
        "10,15 45,0 85,18 65,43 40,47 40,47 75,52 95,75 60,100 5,90",
        "10,2 50,2 90,2 90,2 45,42 45,42 80,50 92,75 55,100 8,90",
    ),
    (  # 4: open; closed; open and round
        "30,0 12,35 5,60 5,60 50,58 98,55 / 75,15 70,55 65,100",
        "70,100 72,50 75,0 75,0 35,38 2,66 2,66 50,67 100,66",
        "10,0 8,35 30,52 70,45 85,5 85,5 80,50 75,100",
    ),
    (  # 5: in one stroke; with a separate roof; round
        "90,2 25,2 25,2 20,45 20,45 60,40 92,65 65,97 8,93",
        "30,5 22,42 22,42 65,42 88,70 55,100 10,88 / 30,4 95,0",
        "88,0 45,3 28,35 50,48 80,65 60,98 10,95",
    ),
    (  # 6: a round sweep; a straight back
        "75,0 30,25 5,65 30,100 80,92 85,62 45,52 10,75",
        "50,0 20,40 8,75 40,100 85,80 65,52 30,60 12,82",
    ),
    (  # 7: plain; crossed; with a serif; bent
        "5,4 50,3 95,2 95,2 60,50 40,100",
        "5,4 92,2 92,2 60,50 35,100 / 20,52 85,48",
        "8,20 10,3 10,3 93,3 93,3 65,40 50,100",
        "2,12 45,2 88,10 75,50 60,100",
    ),
    (  # 8: one stroke that crosses itself; two rings
        "80,12 40,0 15,20 50,46 88,75 55,100 12,80 50,50 85,22 72,6",
        "50,0 20,22 50,46 80,22 50,0 / 50,46 8,74 50,100 92,72 50,46",
    ),
    (  # 9: a straight tail; a curved tail; a hooked tail
        "85,20 50,0 12,22 35,50 80,30 85,12 85,12 80,60 75,100",
        "80,12 40,2 10,30 45,48 82,18 82,50 60,80 30,100",
        "82,25 60,0 15,15 25,50 75,42 84,10 88,65 60,100 12,92",
    ),
)


@cache
def strokes(shape: str) -> list[np.ndarray]:
    """Return a shape's strokes, each points x 2, from -0.5 to 0.5."""
    return [
        np.array([[int(n) for n in point.split(",")] for point in stroke.split()]) / 100 - 0.5
        for stroke in shape.split("/")
    ]


def digit(label: int, rng: random.Random) -> np.ndarray:
    """Draw one digit as MNIST shows it: uint8 28 x 28, ink light on dark."""
    pen = Pen(28, 28, 1, rng)
    height = rng.uniform(14, 21)
    pen.place(
        14 + rng.uniform(-3, 3), 14 + rng.uniform(-3, 3), height,
        aspect=rng.uniform(0.5, 0.85), tilt=rng.uniform(-0.13, 0.13),
        shear=rng.uniform(-0.42, 0.18),
    )  # fmt: skip
    bend, lean = rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)
    untidy = rng.choice((0.03, 0.04, 0.05, 0.06, 0.1))
    curves = []
    for points in strokes(rng.choice(DIGITS[label])):
        wobble = [rng.uniform(-untidy, untidy) for _ in range(points.size)]
        moved = points + np.reshape(wobble, points.shape)
        moved[1:] = np.where((points[1:] == points[:-1]), moved[:-1], moved[1:])  # corners stay
        x, y = moved[:, 0], moved[:, 1]
        curves.append(smooth(np.stack([x + bend * (y * y - 0.1), y + lean * x * y], axis=1)))
    ink = rng.randrange(190, 256)
    pen.strokes(curves, rng.uniform(1.3, 3.4) / height, (ink,))
    pressure = 256 + noise(28, 28, 1, rng, cells=6, spread=40)
    pen.pixels[:] = pen.pixels * pressure >> 8
    return pen.picture()[..., 0]
