"""Records on the disk: what becomes of files that are damaged."""

from pathlib import Path

import numpy as np
import pytest

from sightline.benchmark import records
from sightline.benchmark.scenarios import Timing
from sightline.errors import SightlineError
from sightline.layout import Layout

NAME = "fp32/single-stream/batch 1/threads 1"


def write(layout: Layout, month: int) -> Path:
    record = {
        "format": records.FORMAT,
        "key": {"machine": "abcd1234"},
        "model": {"name": "cnn"},
        "environment": {"time": f"2026-0{month}-01T00:00:00", "machine": {"id": "abcd1234"}},
    }
    timing = Timing(np.linspace(1, 2, 1000, dtype=np.float32), np.array([1000], np.int32))
    return records.write(layout, record, {NAME: timing})


def damaged(content: bytes) -> dict[str, bytes]:
    middle = len(content) // 2
    changed = bytes(255 - byte for byte in content[middle : middle + 9])
    return {
        "empty": b"",
        "cut": content[:middle],
        "text": b"<html>",
        "changed": content[:middle] + changed + content[middle + 9 :],
    }


@pytest.mark.parametrize("harm", ["empty", "cut", "text", "changed"])
def test_damaged_raw_values_are_put_aside_with_an_error_of_one_line(tmp_path, harm):
    layout = Layout(tmp_path)
    write(layout, 1)
    (record,) = records.read_all(layout, "cnn")
    raw_file = records.raw_file(record["path"])
    assert len(records.raw(layout, record)[NAME].milliseconds) == 1000
    content = damaged(raw_file.read_bytes())[harm]
    raw_file.write_bytes(content)
    with pytest.raises(SightlineError, match=r"\.npz is damaged \(.+\): put aside as .+") as error:
        records.raw(layout, record)
    assert "\n" not in str(error.value) and not raw_file.exists()
    (aside,) = tmp_path.glob(".sightline/*.npz.damaged")
    assert aside.read_bytes() == content
    with pytest.raises(SightlineError, match="No such file"):
        records.raw(layout, record)


@pytest.mark.faults
def test_a_cut_record_is_put_aside_and_the_others_are_read(tmp_path, caplog):
    layout = Layout(tmp_path)
    first, second, third = (write(layout, month) for month in (1, 2, 3))
    second.write_bytes(second.read_bytes()[:40])
    third.write_bytes(b"")
    for _ in range(2):
        assert [record["path"] for record in records.read_all(layout, "cnn")] == [str(first)]
    assert len(caplog.messages) == 2
    for path, message in zip((second, third), caplog.messages, strict=True):
        assert message.startswith(f"{path} is damaged (") and not path.exists()
    last = records.last_comparable(layout, "cnn", "abcd1234")
    assert last and last["path"] == str(first)
    assert len(list(tmp_path.glob(".sightline/*.json.damaged"))) == 2
