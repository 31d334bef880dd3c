"""Where training computes, and why."""

import pytest
import torch

from sightline.errors import SightlineError
from sightline.settings.params import Compute
from sightline.training.device import choose, fast_dtype


@pytest.mark.faults
@pytest.mark.parametrize(
    ("units", "dtype", "why"),
    [
        (True, torch.bfloat16, "a GPU is fast at it"),
        (False, torch.float32, "this GPU only emulates bfloat16"),
    ],
)
def test_a_gpu_without_units_for_bfloat16_computes_in_float32(monkeypatch, units, dtype, why):
    emulation = []

    def supported(including_emulation: bool = True) -> bool:
        emulation.append(including_emulation)
        return units or including_emulation

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (30 << 30, 80 << 30))
    place = choose(Compute("cuda"))
    assert fast_dtype(place.device) == (dtype, why) and place.dtype == dtype
    assert f"cuda (compute.device), {str(dtype)[6:]} ({why})" in place.reason
    assert emulation == [False, False]
    assert place.resident_bytes == 10 << 30
    assert choose(Compute("cuda", resident_gib=0.5)).resident_bytes == 1 << 29
    assert choose(Compute("cpu")).resident_bytes == 4 << 30


def test_batch_norms_are_synchronised_on_gpus_alone():
    with pytest.raises(ValueError, match="SyncBatchNorm refuses the CPU: set sync_batch_norm to"):
        Compute("cpu", sync_batch_norm=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch sees a CUDA device")
def test_a_cpu_that_was_chosen_does_not_synchronise_batch_norms_either():
    with pytest.raises(SightlineError, match="SyncBatchNorm refuses the CPU: set it to false"):
        choose(Compute("auto", sync_batch_norm=True))
