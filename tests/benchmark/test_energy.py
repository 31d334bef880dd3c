"""Joules from powercap's counters, laid out as Linux does."""

from pathlib import Path

import pytest

from sightline.benchmark.energy import Energy


def write(root: Path, name: str, microjoules: int, top: int = 1_000_000_000) -> None:
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{top}\n")


def test_joules_are_of_all_packages_and_not_of_their_parts_twice(tmp_path):
    for name in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"):
        write(tmp_path, name, 5_000_000)
    energy = Energy(tmp_path)
    for name in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"):
        write(tmp_path, name, 7_000_000)
    assert energy.joules() == 4.0


def test_a_counter_that_started_again_goes_on(tmp_path):
    write(tmp_path, "intel-rapl:0", 999_000_000)
    energy = Energy(tmp_path)
    write(tmp_path, "intel-rapl:0", 1_000_000)
    assert energy.joules() == pytest.approx(2.0)


def test_without_a_counter_there_are_no_joules(tmp_path):
    assert Energy(tmp_path).joules() is None
    write(tmp_path, "intel-rapl:0", 1)
    energy = Energy(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    assert energy.joules() is None
