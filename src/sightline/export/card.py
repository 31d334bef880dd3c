"""The model card: what a person must know who takes the file and has never heard of Sightline."""

from sightline.inference import Session

LOAD = """\
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
images = np.zeros((2, {height}, {width}, {channels}), np.uint8)  # put your pixels here
outputs = [output.name for output in session.get_outputs()]
answers = dict(zip(outputs, session.run(outputs, {{"images": images}})))
print({{name: answer.shape for name, answer in answers.items()}})
"""

NAMES = """\
import json

classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
print([classes[index] for index in answers["probabilities"].argmax(axis=1)])
"""

COMPLETE = """\
done = images.copy()  # what stands below the first {half} rows is not looked at
for row in range({half}, {height}):
    expected = session.run(["next_row"], {{"images": done[:, :row]}})[0][:, -1]
    done[:, row] = np.rint(255 * expected)  # taken for seen from here on
print(done[0, :, :, 0])
"""

SNIPPETS = {"probabilities": NAMES, "next_row": COMPLETE}  # by the output that they show

OUTPUTS = {
    "logits": "float32 [batch, classes]: a score for each class, in the order of `classes`",
    "probabilities": "float32 [batch, classes]: the softmax of the logits",
    "features": "float32 [batch, features]: the last hidden layer, as a representation",
    "next_row": "float32 [batch, height, width, channels]: at each row the one expected next, 0 to "
    "1; the last one is the row after the image",
    "angle": "float32 [batch]: degrees by which the image is turned counter-clockwise, -45 to 45",
}

FIGURES = {
    "top1": "the share of images whose likeliest class is right",
    "top5": "the share whose class is among the five likeliest",
    "loss": "what training minimised: classify, the mean cross entropy in nats; rotation, the "
    "mean squared error in units of 45 degrees",
    "ece": "the expected calibration error, the mean gap between confidence and accuracy",
    "mse": "the mean squared error of a pixel of the next row, pixels from 0 to 1",
    "nll": "its negative log-likelihood in nats, pixels counted as on with their intensity as "
    "probability",
    "mse_share": "the mse as a share of the better baseline's",
    "mse_previous_row": "the mse of copying the row before",
    "mse_mean_row": "the mse of the train split's mean row",
    "nll_previous_row": "the nll of copying it, with the train split's share of differing pixels",
    "nll_mean_row": "the nll of the train split's mean row",
    "rmse": "the root mean squared error, in degrees",
    "mae": "the mean absolute error, in degrees",
}


def card(description: dict, metrics: dict, figures: dict, session: Session) -> str:
    """Return the Markdown text of models/NAME/README.md.

    `description` is model.json, `metrics` metrics.json, `figures` export.json, `session` the file.
    """
    data = description["data"]
    height, width, channels = description["shape"]
    sizes = {"height": height, "half": height // 2, "width": width, "channels": channels}
    parts = [
        f"# {description['name']}",
        _what(description, metrics),
        "## Data",
        _data(data),
        "## Figures",
        _figures(metrics, data),
        "## How to load it",
        "With `pip install onnxruntime numpy`, in this folder:",
        _code(LOAD.format(**sizes)),
        *(_code(text.format(**sizes)) for out, text in SNIPPETS.items() if out in session.outputs),
        "With Sightline itself, torch not needed: `sightline predict model.onnx IMAGE...`.",
        "## Inputs and outputs",
        _interface(description, session),
        "## Checked at export",
        _checked(figures),
        "## Terms",
        f"The data's terms: {data['terms']}",
        "## Limits",
        _limits(description, session),
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
    names = data["classes"]
    more = f" and {len(names) - 20:,} more, in the file's metadata" if len(names) > 20 else ""
    return (
        f"{data['dataset']} from the catalogue `{data['catalogue']}`: {real}.\n\n"
        f"> {data['note']}\n\n"
        f"Images: {counts}. Classes: {', '.join(names[:20])}{more}."
    )


def _figures(metrics: dict, data: dict) -> str:
    splits = [split for split in ("val", "test") if split in metrics]
    names = list(dict.fromkeys(name for split in splits for name in metrics[split]))
    lines = [f"| split | images | {' | '.join(names)} |", "| --- " * (len(names) + 2) + "|"]
    for split in splits:
        cells = [str(metrics[split].get(name, "")) for name in names]
        lines.append(f"| {split} | {data['counts'][split]:,} | {' | '.join(cells)} |")
    kind = "real" if data["real"] else "sample, not real,"
    lines += ["", f"Measured by torch on {kind} images that training never saw."]
    lines += [f"{name}: {FIGURES[name]}." for name in names if name in FIGURES]
    return "\n".join(lines)


def _interface(description: dict, session: Session) -> str:
    height, width, channels = description["shape"]
    resize, polarity = description["data"]["resize"], description["data"]["polarity"]
    colours = "grey" if channels == 1 else "RGB"
    axes = ", ".join(map(str, session.inputs["images"]))
    lines = [
        f"- in: `images` uint8 [{axes}]: raw pixels, 0 to 255, {colours}, rows from the top; "
        f"trained on {height} x {width}. Scaling and normalising happen inside.",
        f"- images of another size: {resize['rule']}, to {resize['size']} pixels.",
    ]
    if polarity:
        lines.append(f"- polarity: {polarity}; invert (255 - pixel) what is the other way round.")
    if "lengths" in session.inputs:
        lines.append(
            "- in, optional: `lengths` int64 [batch]: the steps of each sequence that count; -1, "
            "and the default, is all of them."
        )
    for name, axes in session.outputs.items():
        lines.append(f"- out: `{name}` {OUTPUTS.get(name, 'float32')}; here {axes}.")
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


def _limits(description: dict, session: Session) -> str:
    data, epochs = description["data"], description["recipe"]["epochs"]
    said = [f"Trained once, with one seed; epochs: {epochs}."]
    if not data["real"]:
        said.append("Its data was drawn by a program: it knows nothing of real images.")
    if "probabilities" in session.outputs:
        said.append(
            f"It gives every image one of its {len(data['classes'])} classes, whatever the image "
            f"shows; its probabilities hold for images like its training data (see `ece`)."
        )
    return " ".join(said)


def _code(text: str) -> str:
    return f"```python\n{text}```"
