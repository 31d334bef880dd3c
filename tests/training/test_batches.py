"""Batches: the same from memory and from a memory map, in an order that the seed decides."""

import numpy as np
import torch

from sightline.training import batches


def test_resident_and_mapped_images_give_the_same_batches(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    np.save(tmp_path / "x.npy", array)
    mapped, labels = np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(50)
    cpu = torch.device("cpu")
    resident = batches.Images(mapped, labels, cpu, resident_bytes=1 << 30)
    lazy = batches.Images(mapped, labels, cpu, resident_bytes=0)
    assert resident.resident is not None and lazy.resident is None
    index = batches.order(50, seed=0, epoch=0)[:20]
    for a, b in zip(resident.take(index), lazy.take(index), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(resident.take(index)[0], torch.from_numpy(array)[index])
    indices = [index[:8], index[8:9], index[9:]]
    for one, other in zip(resident.batches(indices), lazy.batches(indices), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
        assert torch.equal(one[0], one[2])  # labels count the images
    assert list(lazy.batches([])) == []


def test_the_next_batch_of_a_memory_map_is_read_meanwhile_and_no_more(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.zeros((50, 4, 4, 1), np.uint8))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    lazy = batches.Images(mapped, np.arange(50), torch.device("cpu"), resident_bytes=0)
    asked, ask_for = [], batches.ask_for
    monkeypatch.setattr(
        batches, "ask_for", lambda images, rows: (asked.append(rows[0]), ask_for(images, rows))
    )
    coming = lazy.batches(torch.arange(50).split(10))
    next(coming)
    coming.close()  # waits for what is being read
    assert asked == [0, 10]


def test_every_epoch_visits_every_image_in_another_order():
    first, second = (batches.order(100, 0, epoch) for epoch in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(100))
    assert not torch.equal(first, second)
