"""Random resized crops: what they cost beside other ways, and a sheet of one image's crops.

    OMP_NUM_THREADS=1 python scripts/crops.py
    python scripts/crops.py --sheet docs/pictures/crops.png

Prints milliseconds an image of noise for a batch at 192 stored pixels (192 x 256) brought to 128,
on one thread or on `--device cuda`: ours, which is one batch with an antialiased filter; torch's
grid_sample, one batch without; torchvision's resized_crop, antialiased, image by image. Then what
else is done to a batch of that size, TrivialAugment also by torchvision image by image, and the
share of ours in a training step of ResNet-18 at 128 pixels. All take turns; the least of the rounds
counts. The sheet is made of an image of the sample, which is not real.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as torchvision

from sightline.data import arrays
from sightline.data.form import Form
from sightline.data.image_files import fit
from sightline.images.colour import colour
from sightline.images.crop import cropped, random_boxes, resample
from sightline.images.mix import mix
from sightline.images.random_numbers import RandomNumbers, generator
from sightline.images.trivial import trivial
from sightline.networks import resnet
from sightline.sample import drawn
from sightline.settings.recipe import Box, Colour

BOX = Box(area=[0.25, 1.0], ratio=[0.75, 1.333])
STORED, LONGEST, SIZE, BATCH = 192, 256, 128, 32
ROUNDS = 5
RESNET_18 = resnet.Settings(widths=[64, 128, 256, 512], blocks=2, stem="large")


def main() -> None:
    """Print the times, or write the sheet."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--sheet", type=Path, help="write the sheet here instead")
    options.add_argument("--device", default="cpu")
    args = options.parse_args()
    if args.sheet:
        sheet(16).save(args.sheet)
        return
    torch.set_num_threads(1)
    took = times(torch.device(args.device))
    for name, seconds in took.items():
        print(f"{name:<44} {1000 * seconds / BATCH:8.3f} ms an image")
    step = took["a step of ResNet-18"]
    print(f"ours: {took['crop, ours'] / step:.2%} of a step")


def times(device: torch.device) -> dict[str, float]:
    """Return the least seconds that each way takes for a batch."""
    draw = torch.Generator().manual_seed(0)
    shape = (BATCH, STORED, LONGEST, 3)
    rows = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw).to(device)
    extents = torch.tensor([[STORED, LONGEST], [LONGEST, STORED]]).repeat(BATCH // 2, 1)
    labels = torch.arange(BATCH, device=device) % 10
    images = resample(rows, extents, random_boxes(extents, BOX, random_numbers()), SIZE)
    ways: dict[str, Callable[[], object]] = {
        "crop, ours": lambda: cropped(rows, extents, BOX, random_numbers(), SIZE),
        "crop, grid_sample, not antialiased": lambda: by_grid(rows, extents),
        "crop, torchvision, one by one": lambda: by_torchvision(rows, extents),
        "TrivialAugment, ours": lambda: trivial(images, random_numbers()),
        "TrivialAugment, torchvision, one by one": lambda: trivial_by_torchvision(images),
        "colour jitter": lambda: colour(images, Colour(0.4, 0.4, 0.4), random_numbers()),
        "mixup and cutmix": lambda: mix(images, labels, 10, 0.2, 1.0, random_numbers()),
        "a step of ResNet-18": stepping(images, labels),
    }
    took = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if device.type == "cuda":
                torch.cuda.synchronize()
            took[name] = min(took[name], time.perf_counter() - start)
    return took


def random_numbers() -> RandomNumbers:
    """Return the random numbers of a batch."""
    return RandomNumbers(generator(0, "crop", 0), BATCH, slice(None))


def by_grid(rows: Tensor, extents: Tensor) -> Tensor:
    """Return crops by grid_sample: four pixels for each of the result, however much it shrinks."""
    boxes = random_boxes(extents, BOX, random_numbers())
    lying = (extents[:, 0] > extents[:, 1]).view(-1, 1)
    start, length = (torch.where(lying, b.flip(1), b) for b in boxes.split(2, 1))
    full = torch.tensor([STORED, LONGEST])
    scale, at = length / full, (2 * start + length) / full - 1
    affine = torch.zeros(BATCH, 2, 3)
    affine[:, 0, 0], affine[:, 1, 1] = scale[:, 1], scale[:, 0]
    affine[:, 0, 2], affine[:, 1, 2] = at[:, 1], at[:, 0]
    grid = functional.affine_grid(affine.to(rows.device), [BATCH, 3, SIZE, SIZE], False)
    x = functional.grid_sample(rows.permute(0, 3, 1, 2).float(), grid, align_corners=False)
    x = torch.where(lying.view(-1, 1, 1, 1).to(x.device), x.mT, x)
    return x.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def by_torchvision(rows: Tensor, extents: Tensor) -> Tensor:
    """Return crops at full pixels by torchvision, which takes one box for a call."""
    boxes = random_boxes(extents, BOX, random_numbers()).int().tolist()
    crops = []
    for row, (height, width), (top, left, high, wide) in zip(rows, extents, boxes, strict=True):
        image = row.permute(2, 0, 1)
        image = image.mT if height > width else image
        crops.append(torchvision.resized_crop(image, top, left, high, wide, [SIZE, SIZE]))
    return torch.stack(crops)


def trivial_by_torchvision(images: Tensor) -> Tensor:
    """Return images changed by torchvision's TrivialAugmentWide, which draws once for a call."""
    change = v2.TrivialAugmentWide()
    return torch.stack([change(image.permute(2, 0, 1)) for image in images])


def stepping(images: Tensor, labels: Tensor) -> Callable[[], object]:
    """Return a training step of ResNet-18 on these images."""
    network = resnet.Network(RESNET_18, (SIZE, SIZE, 3), 10)
    network = network.to(images.device, memory_format=torch.channels_last)  # pyright: ignore
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        x = images.permute(0, 3, 1, 2).float() / 255
        functional.cross_entropy(network(x), labels).backward()
        optimizer.step()

    return step


def sheet(count: int) -> Image.Image:
    """Return an image as it is stored, its square marked, and so many random crops of it."""
    content = drawn("imagenet", "train", 24, 0)
    pixels = max(content.images, key=lambda image: image.shape[1] / image.shape[0])
    form = Form(STORED, 3, LONGEST)
    row = np.zeros((STORED, LONGEST, 3), np.uint8)
    height, width = arrays.put(row, stored := fit(Image.fromarray(pixels), form))
    extents = torch.tensor([[height, width]]).expand(count, 2)
    rows = torch.from_numpy(row).expand(count, *row.shape)
    crops = cropped(rows, extents, BOX, RandomNumbers(generator(0, "crop"), count, slice(None)), 96)
    across = 8
    page = Image.new("RGB", (width + 8 + across * 100, 8 + 2 * 100), "white")
    page.paste(Image.fromarray(np.ascontiguousarray(stored)), (4, 4))
    left = 4 + (width - height) // 2
    ImageDraw.Draw(page).rectangle((left, 4, left + height - 1, 3 + height), outline="white")
    for place, crop in enumerate(crops.numpy()):
        at = (width + 8 + place % across * 100, 6 + place // across * 100)
        page.paste(Image.fromarray(crop), at)
    return page.quantize(256)


if __name__ == "__main__":
    main()
