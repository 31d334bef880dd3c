"""What people read about classify."""

import numpy as np

from sightline.tasks.words import WRONGEST, Answer, Ask, Topic, Words

SNIPPET = """\
import json

classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
print([classes[index] for index in answers["probabilities"].argmax(axis=1)])
"""


def answer(ask: Ask, image: np.ndarray, classes: list[str], top: int) -> Answer:
    """Return the `top` likeliest classes with their probabilities, the likeliest first."""
    probabilities = ask(image[None])["probabilities"][0]
    best = np.argsort(-probabilities, kind="stable")[:top]
    shares = [(classes[index], float(probabilities[index])) for index in best]
    return Answer(
        ", ".join(f"{name} {share:.1%}" for name, share in shares),
        values={"classes": [{"name": name, "probability": share} for name, share in shares]},
    )


WORDS = Words(
    figure="top1",
    figure_name="top-1",
    higher_is_better=True,
    figures={
        "top1": "the share of images whose likeliest class is right",
        "top5": "the share whose class is among the five likeliest",
        "loss": "what training minimised, the mean cross entropy in nats",
        "ece": "the expected calibration error, the mean gap between confidence and accuracy",
    },
    outputs={
        "logits": "float32 [batch, classes]: a score for each class, in the order of `classes`",
        "probabilities": "float32 [batch, classes]: the softmax of the logits",
    },
    answer=answer,
    choice="logits",
    snippet=SNIPPET,
    limits="It gives every image one of its {classes} classes, whatever the image shows; its "
    "probabilities hold for images like its training data (see `ece`).",
    hub_task="image-classification",
    hub_metrics={"top1": "accuracy"},
    topics=(
        Topic(
            "confused",
            "The most frequent mistakes",
            "Pairs of classes, the most often confused first, with the first such images of the "
            "test split. Where the pictures look alike to you too, the mistake is in the picture "
            "as much as in the model.",
        ),
        WRONGEST,
        Topic(
            "confusion",
            "Every answer on test",
            "Each row is the class of an image, each column the class that the model predicts; off "
            "the diagonal are the mistakes.",
        ),
    ),
)
