"""What people read about rotation."""

import numpy as np

from sightline.tasks.words import WRONGEST, Answer, Ask, Topic, Words


def answer(ask: Ask, image: np.ndarray, classes: list[str], top: int) -> Answer:
    """Return by how many degrees the image is turned."""
    angle = float(ask(image[None])["angle"][0])
    direction = "counter-clockwise" if angle > 0 else "clockwise"
    text = f"turned by {abs(angle):.1f} degrees {direction}"
    return Answer(text, values={"angle": angle})


WORDS = Words(
    figure="rmse",
    figure_name="RMSE",
    higher_is_better=False,
    figures={
        "rmse": "the root mean squared error, in degrees",
        "mae": "the mean absolute error, in degrees",
        "loss": "what training minimised, the mean squared error in units of 45 degrees",
    },
    outputs={
        "angle": "float32 [batch]: degrees by which the image is turned counter-clockwise, -45 to "
        "45",
    },
    answer=answer,
    hub_metrics={"rmse": "rmse", "mae": "mae"},
    topics=(
        WRONGEST,
        Topic(
            "angles",
            "The predicted angle against the actual one",
            "A perfect model would put every image on the line.",
        ),
    ),
)
