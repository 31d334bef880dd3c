"""Filters and feature maps are the network's own."""

import torch

from sightline.drawing import charts as drawing
from sightline.insight import convolution
from sightline.models.trained import load_model


def test_filters_are_those_of_the_convolution_over_the_image(layout):
    model = load_model(layout.trained("cnn"))
    assert convolution.first_convolution(model) is model.network.blocks[0][0]
    assert convolution.first_convolution(load_model(layout.trained("mlp"))) is None


def test_of_each_size_the_last_maps_are_kept_and_no_single_pixel(layout):
    model = load_model(layout.trained("cnn"))
    image = torch.full((1, 12, 12, 1), 200, dtype=torch.uint8)
    image[:, 4:6] = 0
    maps = convolution.feature_maps(model, image)
    assert [m.shape for m in maps] == [(4, 12, 12), (8, 6, 6), (8, 3, 3)]
    # the last one is what the maximum is taken of, which is what the head reads
    assert (maps[-1].max((1, 2)) == model(image)["features"][0].detach().numpy()).all()
    assert not any(module._forward_hooks for module in model.network.modules())
    assert convolution.feature_maps(load_model(layout.trained("mlp")), image) == []


def test_small_images_stand_enlarged_side_by_side():
    two = torch.arange(8.0).view(2, 2, 2).numpy()
    sheet = drawing.side_by_side(two, places=3)
    assert sheet.shape == (32, 3 * 32 + 2 * 3)
    assert sheet[0, 0] == 0 and sheet[31, 31] == 3 and sheet[0, 35] == 4
    assert drawing.np.isnan(sheet[:, 32:35]).all() and drawing.np.isnan(sheet[:, 67:]).all()
    coloured = drawing.side_by_side(torch.ones(1, 40, 40, 3).numpy(), places=2)
    assert coloured.shape == (40, 84, 4)
    assert coloured[:, :40, 3].all() and not coloured[:, 40:, 3].any()
