"""The model card: what a person must know who takes the file and has never heard of Sightline."""

import onnx

from sightline import tasks
from sightline.drawing.text import markdown
from sightline.inference.session import Session
from sightline.tasks.words import Words

LOAD = """\
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
images = np.zeros((2, {height}, {width}, {channels}), np.uint8)  # put your pixels here
outputs = [output.name for output in session.get_outputs()]
answers = dict(zip(outputs, session.run(outputs, {{"images": images}})))
print({{name: answer.shape for name, answer in answers.items()}})
"""

FEATURES = "float32 [batch, features]: the last hidden layer, as a representation"

RELU_RECURRENCE = """\
Its RNN node has `activations=["Relu"]`. tract and MNN ignore that attribute: they compute tanh and
say nothing. Their answers are wrong; onnxruntime's are right. `sightline publish` puts test vectors
beside the file, by which every runtime can be tried.
"""


def card(description: dict, metrics: dict, figures: dict, session: Session) -> str:
    """Return the Markdown text of models/NAME/README.md.

    `description` is model.json, `metrics` figures.json, `figures` export.json, `session` the file.
    """
    data, words = description["data"], tasks.words(description["task"])
    height, width, channels = description["shape"]
    sizes = {"height": height, "half": height // 2, "width": width, "channels": channels}
    parts = [
        f"# {description['name']}",
        _what(description, metrics),
        "## Data",
        _data(data),
        "## Figures",
        _figures(metrics, data, words),
        "## How to load it",
        "With `pip install onnxruntime numpy`, in this folder:",
        _code(LOAD.format(**sizes)),
        *([_code(words.snippet.format(**sizes))] if words.snippet else []),
        "With Sightline itself, torch not needed: `sightline predict model.onnx IMAGE...`.",
        "## Inputs and outputs",
        _interface(description, session, words),
        "## Checked at export",
        _checked(figures),
        "## Terms",
        f"The data's terms: {markdown(data['terms'])}",
        "## Limits",
        _limits(description, words),
        *([RELU_RECURRENCE] if _has_relu_recurrence(session) else []),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _what(description: dict, metrics: dict) -> str:
    return (
        f"Network `{description['network']}` for the task `{description['task']}`, trained on "
        f"{description['data']['dataset']} by the recipe `{description['recipe']['name']}` "
        f"(seed {description['seed']}) and exported by Sightline as `model.onnx`: "
        f"{metrics['parameters']:,} parameters, {metrics['flops']:,} floating-point operations for "
        f"one image."
    )


def _data(data: dict) -> str:
    real = "real data" if data["real"] else "**NOT real data**"
    counts = ", ".join(f"{count:,} {split}" for split, count in data["counts"].items())
    names = [markdown(name) for name in data["classes"]]
    more = f" and {len(names) - 20:,} more, in the file's metadata" if len(names) > 20 else ""
    return (
        f"{data['dataset']} from the catalogue `{data['catalogue']}`: {real}.\n\n"
        f"> {markdown(data['note'])}\n\n"
        f"Images: {counts}. Classes: {', '.join(names[:20])}{more}."
    )


def _figures(metrics: dict, data: dict, words: Words) -> str:
    splits = [split for split in ("val", "test") if split in metrics]
    names = list(dict.fromkeys(name for split in splits for name in metrics[split]))
    lines = [f"| split | images | {' | '.join(names)} |", "| --- " * (len(names) + 2) + "|"]
    for split in splits:
        cells = [str(metrics[split].get(name, "")) for name in names]
        lines.append(f"| {split} | {data['counts'][split]:,} | {' | '.join(cells)} |")
    kind = "real" if data["real"] else "sample, not real,"
    lines += ["", f"Measured by torch on {kind} images that training never saw."]
    lines += [f"{name}: {words.figures[name]}." for name in names if name in words.figures]
    return "\n".join(lines)


def _interface(description: dict, session: Session, words: Words) -> str:
    height, width, channels = description["shape"]
    resize, polarity = description["data"]["resize"], description["data"]["polarity"]
    colours = "grey" if channels == 1 else "RGB"
    axes = ", ".join(map(str, session.inputs["images"]))
    lines = [
        f"- in: `images` uint8 [{axes}]: raw pixels, 0 to 255, {colours}, rows from the top; "
        f"trained on {height} x {width}. Scaling and normalising happen inside.",
        f"- images of another size: {resize['rule']}, to {resize['size']} pixels"
        + (f", of which {resize['crop']:g} of the shorter side." if "crop" in resize else "."),
    ]
    if "least_side" in session.metadata["image"]:
        least = session.metadata["image"]["least_side"]
        lines.append(f"- `height` and `width` may be others, {least} at least.")
    if polarity:
        lines.append(f"- polarity: {polarity}; invert (255 - pixel) what is the other way round.")
    if "lengths" in session.inputs:
        lines.append(
            "- in, to `model-lengths.onnx`, the same model with a second input: `lengths` "
            "int64 [batch], the steps of each sequence that count; -1 is all of them."
        )
    meanings = words.outputs | {"features": FEATURES}
    for name, axes in session.outputs.items():
        lines.append(f"- out: `{name}` {meanings.get(name, 'float32')}; here {axes}.")
    lines.append(
        "- the file's metadata holds the class names and all of the above as text and JSON."
    )
    return "\n".join(lines)


def _checked(figures: dict) -> str:
    lines = [
        f"ONNX opset {figures['opset']}, {figures['bytes']:,} bytes, one file. Against torch, over "
        f"the whole test split of {figures['images']:,} images:",
        "",
        "| figure | value |",
        "| --- | --- |",
    ]
    skip = ("contract", "opset", "bytes", "images")
    lines += [f"| {name} | {value} |" for name, value in figures.items() if name not in skip]
    return "\n".join(lines)


def _limits(description: dict, words: Words) -> str:
    data, epochs = description["data"], description["recipe"]["epochs"]
    sentences = [f"Trained once, with one seed; epochs: {epochs}."]
    if not data["real"]:
        sentences.append("Its data was drawn by a program: it knows nothing of real images.")
    if words.limits:
        sentences.append(words.limits.format(classes=len(data["classes"])))
    return " ".join(sentences)


def _has_relu_recurrence(session: Session) -> bool:
    nodes = onnx.load(session.path).graph.node
    attributes = [a for node in nodes if node.op_type == "RNN" for a in node.attribute]
    return any(b"Relu" in a.strings for a in attributes if a.name == "activations")


def _code(text: str) -> str:
    return f"```python\n{text}```"
