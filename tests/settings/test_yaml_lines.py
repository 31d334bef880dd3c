"""Entries as lines of a YAML file: nothing else changes."""

import pytest
import yaml

from sightline.errors import SightlineError
from sightline.settings.yaml_lines import block, delete, insert

TEXT = """\
# the head
datasets:
  one: {size: 1}  # beside
  two:
    size: 2

# of the next section
models:
    - first: {a: 1,
              b: 2}
    - second
"""


@pytest.mark.parametrize("place", [("datasets",), ("datasets", "two")])
def test_an_entry_stands_behind_the_last_one_and_before_the_next_comment(place):
    text = insert(TEXT, place, block({"new": {"file": "a: b", "list": ["c:d", 1]}}))
    where = yaml.safe_load(text)
    for part in place:
        where = where[part]
    assert where["new"] == {"file": "a: b", "list": ["c:d", 1]}
    assert "    size: 2\n" in text.split("new:")[0] and "\n\n# of the next" in text
    assert delete(text, [(*place, "new")]) == TEXT


def test_items_of_a_list_go_in_and_out():
    text = insert(TEXT, ("models",), "- third\n")
    assert yaml.safe_load(text)["models"][1:] == ["second", "third"]
    assert delete(text, [("models", 2)]) == TEXT
    assert yaml.safe_load(delete(TEXT, [("models", 0)]))["models"] == ["second"]


def test_entries_within_brackets_are_refused():
    with pytest.raises(SightlineError, match=r"datasets\.one has no entries in lines"):
        insert(TEXT, ("datasets", "one"), "new: 1\n")
