"""dvc.lock spliced, beside DVC's own way to write it."""

import pytest

from sightline.errors import SightlineError
from sightline.pipeline.lock_text import LockText, names

ENTRY = {
    "cmd": "sightline train mnist-lstm",
    "deps": [{"path": "data/processed/mnist", "hash": "md5", "md5": "0" * 32, "size": 12}],
    "params": {
        "params.yaml": {
            "recipes.rows": {
                "epochs": 6,
                "flip": None,
                "rate": 1e-05,
                "note": "a text that is longer than the eighty columns at which ruamel.yaml wraps a"
                " line, and goes on for a while",
                "widths": [16, 32],
                "text: with a colon": "yes",
            }
        }
    },
}
ORDER = ["download@a", "train@b", "train@c", "log@d"]


def written_by_dvc(path, entries: dict) -> str:
    from dvc.utils.serialize import modify_yaml

    for name, entry in entries.items():
        with modify_yaml(path) as data:
            data.setdefault("schema", "2.0")
            data["stages"] = data.get("stages", {})
            data["stages"].update({name: entry})
    return path.read_text()


def test_the_bytes_are_those_of_dvc_in_whatever_order_stages_end(tmp_path):
    entries = {name: ENTRY | {"cmd": f"run {name}"} for name in ORDER}
    expected = written_by_dvc(tmp_path / "theirs.lock", entries)
    ours = LockText(tmp_path / "dvc.lock", ORDER, old=set())
    for name in ("train@c", "log@d", "download@a", "train@b"):
        ours.update(name, entries[name])
    assert (tmp_path / "dvc.lock").read_text() == expected


def test_an_old_entry_keeps_its_place_and_new_ones_stand_behind(tmp_path):
    path = tmp_path / "dvc.lock"
    written_by_dvc(path, {name: ENTRY for name in ("train@c", "download@a")})
    changed = {"train@c": ENTRY | {"cmd": "other"}, "train@b": ENTRY, "log@d": ENTRY}
    theirs = tmp_path / "theirs.lock"
    theirs.write_bytes(path.read_bytes())
    expected = written_by_dvc(theirs, changed)
    ours = LockText(path, ORDER, old=names(path))
    for name in reversed(changed):
        ours.update(name, changed[name])
    assert path.read_text() == expected


@pytest.mark.faults
def test_a_file_of_another_form_is_refused(tmp_path):
    path = tmp_path / "dvc.lock"
    path.write_text("schema: '2.0'\nstages:\n  a:\n    cmd: x\n<<<<<<< HEAD\n")
    with pytest.raises(SightlineError, match="is not as DVC writes it: '<<<<<<< HEAD'"):
        names(path)
