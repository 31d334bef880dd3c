"""Many images, a batch at a time: large ones take no more memory than small ones."""

import numpy as np
import pytest

from sightline.tasks.asking import at_once


@pytest.mark.parametrize(
    ("size", "count"), [(1, 500), (28, 500), (64, 500), (128, 125), (256, 31), (4096, 1)]
)
def test_a_batch_of_large_images_is_smaller(size, count):
    images = np.broadcast_to(np.uint8(0), (1000, size, size, 3))
    assert at_once(500, images) == count
