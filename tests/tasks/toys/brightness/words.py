"""What people read about brightness."""

import numpy as np

from sightline.tasks.words import Answer, Ask, Topic, Words


def answer(ask: Ask, image: np.ndarray, classes: list[str], top: int) -> Answer:
    """Return how bright the image is, and how much its pixels differ."""
    outputs = ask(image[None])
    return Answer(f"mean {outputs['mean'][0]:.0f}, deviation {outputs['deviation'][0]:.0f}")


WORDS = Words(
    figure="mae",
    figure_name="mean absolute error",
    higher_is_better=False,
    figures={"mae": "the mean absolute error, pixels from 0 to 255"},
    outputs={
        "mean": "float32 [batch]: the mean of the pixels",
        "deviation": "float32 [batch]: their standard deviation",
    },
    answer=answer,
    topics=(Topic("means", "The predicted mean against the actual one", "Each point an image."),),
)
