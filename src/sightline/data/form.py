"""The form in which a split's images are stored: squares, or with more of their longer side."""

from typing import NamedTuple

from sightline.settings.params import Dataset


class Form(NamedTuple):
    """`size`: pixels of the shorter side; `channels`: 1 grey, 3 RGB; `longest`: pixels that the
    longer side may have; `crop`: the share of the image's shorter side that is kept of both sides.
    """

    size: int
    channels: int
    longest: int
    crop: float = 1.0

    def sides(self, width: float, height: float) -> tuple[int, int]:
        """Return the columns and rows that an image of `width` x `height` becomes.

        The longer side is as odd or even as the shorter one, so that the square in the middle is
        one of full pixels: those that a form of squares would store.
        """
        exact = self.size * max(width, height) / min(width, height)
        more = int((min(self.longest, exact) - self.size) / 2 + 1e-9)
        longer = self.size + 2 * more
        return (longer, self.size) if width > height else (self.size, longer)


def form_of(settings: Dataset, split: str) -> Form:
    """Return the form of train, val or test; the latter two as a trained model is asked."""
    size, channels = settings.image_size, settings.channels
    if split == "train":
        return Form(size, channels, size + 2 * round(size * (settings.longer_side - 1) / 2))
    if asked := settings.evaluation:
        return Form(asked.image_size, channels, asked.image_size, asked.crop)
    return Form(size, channels, size)
