"""Sheets by PIL: images in a grid or in lines, with texts. Equal images, equal bytes."""

import numpy as np
from PIL import Image, ImageDraw

from sightline.drawing.text import font, printable, shortened

COLUMNS = 6  # of a sheet
SIDE, CAPTION, GAP = 112, 34, 8  # of each image, of its two lines, between them; pixels
# of lines of images: how large a pixel is, the space between images, left of them for the names and
# above them for the title
ZOOM, LINE_GAP, MARGIN, TOP = 3, 6, 92, 24


def as_image(array: np.ndarray) -> Image.Image:
    """Return uint8 H x W x C, of one channel or three, as an image."""
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def sheet(images: np.ndarray, captions: list[tuple[str, str]], nothing: str) -> Image.Image:
    """Return images, uint8 N x H x W x C, in a grid, each above its caption: a line in black, one
    in red. Without images it shows the text `nothing`.
    """
    lines = max(1, -(-len(images) // COLUMNS))
    across, down = SIDE + GAP, SIDE + CAPTION + GAP
    page = Image.new("RGB", (COLUMNS * across + GAP, lines * down + GAP), "white")
    draw = ImageDraw.Draw(page)
    if not len(images):
        draw.text((12, 12), nothing, "black", font())
    for place, (image, (black, red)) in enumerate(zip(images, captions, strict=True)):
        left, top = GAP + place % COLUMNS * across, GAP + place // COLUMNS * down
        shown = as_image(image)
        page.paste(shown.resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top))
        draw.text((left, top + SIDE + 2), shortened(black, SIDE), "black", font())
        draw.text((left, top + SIDE + 16), shortened(red, SIDE), "#b00020", font())
    return page


def lines_of_images(lines: dict[str, np.ndarray], more: dict[str, str], title: str) -> Image.Image:
    """Return a line of images, uint8 N x H x W x C, for each name; `more` stands below a name."""
    count, height, width, _ = next(iter(lines.values())).shape
    across, down = width * ZOOM + LINE_GAP, height * ZOOM + LINE_GAP
    page = Image.new("RGB", (MARGIN + count * across, TOP + len(lines) * down), "white")
    draw = ImageDraw.Draw(page)
    draw.text((LINE_GAP, 6), printable(title), "black", font())
    for line, (name, images) in enumerate(lines.items()):
        top = TOP + line * down
        draw.text((LINE_GAP, top + down // 2 - 14), name, "black", font())
        draw.text((LINE_GAP, top + down // 2), more.get(name, ""), "black", font())
        for column, image in enumerate(images):
            shown = as_image(image).resize((width * ZOOM, height * ZOOM), Image.Resampling.NEAREST)
            page.paste(shown, (MARGIN + column * across, top))
    return page
