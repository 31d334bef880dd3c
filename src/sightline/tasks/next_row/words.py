"""What people read about next-row."""

import numpy as np

from sightline.tasks.next_row.completion import complete
from sightline.tasks.words import Answer, Ask, Topic, Words

SNIPPET = """\
done = images.copy()  # what stands below the first {half} rows is not looked at
for row in range({half}, {height}):
    expected = session.run(["next_row"], {{"images": done[:, :row]}})[0][:, -1]
    done[:, row] = np.rint(255 * expected)  # taken for seen from here on
print(done[0, :, :, 0])
"""


def answer(ask: Ask, image: np.ndarray, classes: list[str], top: int) -> Answer:
    """Return the image with its lower half completed from its upper one."""
    height = image.shape[0]
    known = height // 2
    completed = complete(lambda rows: ask(rows)["next_row"], image[None], known)[0]
    return Answer(
        f"rows {known + 1} to {height} completed from those above",
        completed,
        "completed",
        {"known_rows": known, "rows": height},
    )


WORDS = Words(
    figure="mse",
    figure_name="mean squared error",
    higher_is_better=False,
    figures={
        "mse": "the mean squared error of a pixel of the next row, pixels from 0 to 1",
        "nll": "its negative log-likelihood in nats, pixels counted as on with their intensity as "
        "probability",
        "mse_share": "the mse as a share of the better baseline's",
        "mse_previous_row": "the mse of copying the row before",
        "mse_mean_row": "the mse of the train split's mean row",
        "nll_previous_row": "the nll of copying it, with the train split's share of differing "
        "pixels",
        "nll_mean_row": "the nll of the train split's mean row",
    },
    outputs={
        "next_row": "float32 [batch, height, width, channels]: at each row the one expected next, "
        "0 to 1; the last one is the row after the image",
    },
    answer=answer,
    snippet=SNIPPET,
    hub_task="image-to-image",
    hub_metrics={"mse": "mse"},
    topics=(
        Topic(
            "completed",
            "The lower half, completed from the upper one",
            "The model predicts the next row, its prediction is taken for the row, and so on to "
            "the last one: a mistake is carried along.",
            wide=True,
        ),
        Topic(
            "rows",
            "The error of each predicted row",
            "Beside two predictors that learn next to nothing: the row before, copied, and the "
            "mean row of the train split.",
        ),
    ),
)
