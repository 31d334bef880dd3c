"""Names of classes in pictures and in Markdown, whatever they hold."""

import io
import warnings

import numpy as np
import pytest
from matplotlib import rc_context
from PIL import Image, ImageDraw

from sightline.drawing import charts, sheets, text
from sightline.tasks.classify import evaluation, insight
from sightline.tracking.notes import warning

ODD = ["Ba$$in", "US$5-US$10", "$x$", r"a\b", "Grün ß é", "α → 5 €", "猫", "cafe\udce9", "<b>a</b>"]


@pytest.mark.faults
def test_every_name_can_be_drawn():
    labels = np.arange(len(ODD))
    probabilities = np.roll(np.eye(len(ODD), dtype=np.float32), 1, axis=1)
    images = np.zeros((len(ODD), 8, 8, 1), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of matplotlib: a character that the font lacks
        evaluation.confusion_matrix(labels, labels, ODD, "it $on$ them")
        insight.rows_of_examples("what", [(f"is {name}", images[:2]) for name in ODD])
        evaluation.wrongest(images, labels, probabilities, ODD)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["US$5-US$10", "Ba$$in", "no sign"])
def test_money_is_no_formula(name):
    """The picture is that of a figure which knows no formulas at all."""
    pictures = []
    for parse in (True, False):
        with rc_context({"text.parse_math": parse}):
            figure, axes = charts.chart((3, 2), name, xlabel=name)
            axes.set_yticks([0, 1], [name, "other"])
            if parse:
                pictures.append(charts.png(figure))
            else:
                out = io.BytesIO()
                figure.savefig(out, dpi=100, metadata={"Software": None})
                pictures.append(out.getvalue())
    assert pictures[0] == pictures[1]


@pytest.mark.faults
def test_letters_have_shapes_of_their_own_in_sheets():
    """A font that lacks them draws the same box for each."""
    shapes = set()
    for letter in "üéßα€猫犬":
        page = Image.new("L", (60, 20), 255)
        ImageDraw.Draw(page).text((2, 2), text.printable(letter), 0, text.font())
        shapes.add(page.tobytes())
    assert len(shapes) == 7
    assert text.printable("猫 ü\n") == "U+732B ü\n"


@pytest.mark.faults
def test_a_share_stands_apart_from_a_name_and_is_never_cut():
    gap = text.font().getlength("6 93 %") - text.font().getlength("693 %")
    assert gap > 2  # pixels
    short = text.shortened("a very long name of a class 100 %", sheets.SIDE)
    assert short.startswith("a very long") and short.endswith("… 100 %")
    assert text.font().getlength(short) <= sheets.SIDE
    assert text.shortened("6 93 %", sheets.SIDE) == "6 93 %"


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("<b>bold</b> & co", "&lt;b&gt;bold&lt;/b&gt; &amp; co"),
        ("*a* `b` [c](d) | e", r"\*a\* \`b\` \[c\](d) \| e"),
        ("_slanted_ snake_case", r"\_slanted\_ snake_case"),
        ("two\nlines", "two lines"),
        ("T-shirt/top, 5 $", "T-shirt/top, 5 $"),
    ],
)
def test_markdown_shows_a_text_as_it_is(name, expected):
    assert text.markdown(name) == expected


@pytest.mark.faults
def test_a_note_of_mlflow_holds_no_html():
    assert warning({"real": True, "note": "<img src=x>"}) == "&lt;img src=x&gt;"
