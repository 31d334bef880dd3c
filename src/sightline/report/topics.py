"""What each picture of insight shows, in words that hold whatever the figures are."""

from sightline.tasks.words import Topic

INSIGHT = (
    Topic(
        "gates",
        "Gates: what to keep, what to let in",
        "Each line of a panel is one step, each column one unit; yellow is open, dark is closed. A "
        "gate is computed anew at every step, from what the step shows and from the state before "
        "it. An LSTM's cell takes in through the input gate, keeps through the forget gate and "
        "gives out through the output gate; a GRU keeps its old state where the update gate is at "
        "1. Compare the rows where something begins or ends with those between them.",
        wide=True,
    ),
    Topic(
        "filters",
        "Filters: what the first layer looks for",
        "A filter slides over the image and answers strongly where the image looks like it. In "
        "grey, blue weights want light and red ones dark, so that a blue side beside a red one "
        "is an edge detector; in colour, a filter has the colours that it answers to.",
    ),
    Topic(
        "features",
        "Feature maps: one image on its way through the network",
        "Each row is one size of the image on its way, each map the answer of one filter. The "
        "first maps are as large as the image; with every halving one of their squares stands for "
        "more of it, until the last ones hold little more than what is there, and roughly where.",
        wide=True,
    ),
    Topic(
        "occlusion",
        "Occlusion: what the answer rests on",
        "A square of the mean colour is laid over every place of the image, and the model is asked "
        "again. Red is where covering hurts the answer that it gave: that place spoke for it. Blue "
        "is where covering helps: that place spoke against it. Each map has its own scale; the "
        "number under it is its largest mean effect.",
        wide=True,
    ),
)
