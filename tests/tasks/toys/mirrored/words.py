"""What people read about mirrored."""

import numpy as np

from sightline.tasks.words import Answer, Ask, Words

OPTIONS = ("as it was", "mirrored")


def answer(ask: Ask, image: np.ndarray, classes: list[str], top: int) -> Answer:
    """Return whether the image is mirrored."""
    return Answer(OPTIONS[int(ask(image[None])["scores"][0].argmax())])


WORDS = Words(
    figure="accuracy",
    figure_name="accuracy",
    higher_is_better=True,
    figures={"accuracy": "the share of images about which it is right"},
    outputs={"scores": "float32 [batch, 2]: a score for each answer"},
    answer=answer,
    choice="scores",
    options=OPTIONS,
)
