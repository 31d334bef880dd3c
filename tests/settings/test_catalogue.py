"""Catalogues: the ones of the project hold, and a mistake in one is one line."""

import pytest
import yaml
from support import PROJECT

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.settings import catalogue as catalogues

LAYOUT = Layout(PROJECT)
ENTRIES = [
    (catalogue, dataset)
    for catalogue in LAYOUT.catalogues()
    for dataset in catalogues.load(LAYOUT.catalogue(catalogue))
]
FILE = {
    "name": "images.tar",
    "role": "images",
    "urls": ["https://host.example/images.tar"],
    "sha256": "0" * 64,
}


@pytest.fixture
def write(tmp_path):
    """Write a catalogue with one dataset, `things`; return its path."""

    def write(**entry):
        path = tmp_path / "test.yaml"
        common = {"format": "folder", "real": False, "note": "made by a test", "terms": "none"}
        path.write_text(yaml.safe_dump({"things": common | {"files": [FILE]} | entry}))
        return path

    return write


@pytest.mark.parametrize(("catalogue", "dataset"), ENTRIES)
def test_every_entry_of_the_project_is_valid(catalogue, dataset):
    entry = catalogues.entry(LAYOUT.catalogue(catalogue), dataset)
    assert entry.real == (catalogue != "sample")
    if catalogue == "mirror":
        assert all(url.startswith("file://${SIGHTLINE_MIRROR}/") for file in entry.files
                   for url in file.urls)  # fmt: skip
        assert all(file.size and file.sha256 for file in entry.files)


def test_the_mirrors_subsets_say_that_they_are():
    for name in ("cifar100", "imagenet", "imagenet-ilsvrc"):
        assert "SUBSET" in catalogues.entry(LAYOUT.catalogue("mirror"), name).note


def test_official_and_mirror_agree_where_the_bytes_are_the_same():
    for name in ("mnist", "fashion-mnist"):
        official, mirror = (
            catalogues.entry(LAYOUT.catalogue(which), name) for which in ("official", "mirror")
        )
        assert [(f.name, f.size, f.sha256) for f in official.files] == [
            (f.name, f.size, f.sha256) for f in mirror.files
        ]
        assert (official.classes, official.terms) == (mirror.classes, mirror.terms)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ral": True}, "things.ral: unknown key: did you mean 'real'?"),
        ({"real": "perhaps"}, "things.real"),
        ({"classes": [1]}, "things.classes.0: input should be a valid string, not 1"),
        ({"note": None}, "things.note"),
        ({"format": "idx2"}, "things.format"),
        ({"classes": ["a"]}, "left out, or a mapping from folder to name"),
        ({"format": "cifar"}, "format cifar has the roles archive; here stand images"),
        ({"files": [FILE | {"nam": "x"}]}, "things.files.0.nam: unknown key: did you mean 'name'"),
        ({"files": [FILE | {"role": "labels"}]}, "has the roles images; here stand labels"),
        ({"files": [FILE, FILE]}, "stands there twice"),
        ({"files": []}, "here stand none"),
        (
            {"format": "cifar", "files": [FILE | {"role": "archive"}], "without_images": ["a"]},
            "format cifar has no class folders",
        ),
        ({"files": [FILE | {"name": "../escape"}]}, "cannot be a file's name"),
        ({"files": [FILE | {"name": "source.json"}]}, "cannot be a file's name"),
        ({"files": [FILE | {"urls": ["http://host.example/a"]}]}, "a URL begins with https://"),
        ({"files": [FILE | {"urls": ["file://relative/a"]}]}, "a URL begins with https://"),
        ({"files": [FILE | {"urls": ["file://${HOME}/a"]}]}, "a URL begins with https://"),
        ({"files": [FILE | {"urls": ["ftp://host.example/a"]}]}, "a URL begins with https://"),
        ({"files": [FILE | {"urls": []}]}, "needs its urls, or the dataset a draw: mapping"),
        ({"files": [FILE | {"sha256": None}]}, "needs its sha256 (or md5)"),
        ({"files": [FILE | {"sha256": "abc"}]}, "is not 64 small hexadecimal digits"),
        (
            {"files": [FILE | {"size": 0}]},
            "size: input should be greater than or equal to 1",
        ),
        ({"files": [FILE | {"in_place": True}]}, "only a file with one file:// URL"),
        ({"draw": {}, "real": True}, "what is drawn is not real"),
        ({"draw": {}}, "have a name and a role, nothing else"),
    ],
)
def test_a_mistake_is_one_line(write, change, message):
    path = write(**change)
    with pytest.raises(SightlineError) as caught:
        catalogues.entry(path, "things")
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}: things") and "\n" not in str(caught.value)


def test_idx_needs_names(write):
    roles = ("train-images", "train-labels", "test-images", "test-labels")
    files = [FILE | {"name": f"{role}.gz", "role": role} for role in roles]
    with pytest.raises(SightlineError, match="in format idx they are a list of names"):
        catalogues.entry(write(format="idx", files=files), "things")


def test_a_mistake_in_another_entry_does_not_matter(write):
    path = write()
    path.write_text(path.read_text() + "other: {format: nonsense}\n")
    assert catalogues.entry(path, "things").files[0].name == "images.tar"


def test_the_nearest_dataset_is_named(write):
    with pytest.raises(SightlineError, match=r"no dataset 'thing' .* did you mean 'things'"):
        catalogues.entry(write(), "thing")


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "is not valid YAML"), ("- a", "maps names")]
)
def test_a_file_that_is_no_catalogue(tmp_path, text, message):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(SightlineError, match=message):
        catalogues.entry(path, "things")
    with pytest.raises(SightlineError, match="no such file: `catalogue:` in params"):
        catalogues.entry(tmp_path / "absent.yaml", "things")


def test_the_listed_weights_are_those_of_torchvision():
    """The URLs, and the digits of their digests, as the installed torchvision publishes them."""
    from torchvision.models import get_model_weights  # takes seconds

    path = LAYOUT.weights_catalogue
    for name in catalogues.load(path):
        entry = catalogues.weights(path, name)
        file = entry.file
        architecture, version = name.replace("-", "_").split("_imagenet_")
        assert entry.architecture == architecture
        published = get_model_weights(architecture)[f"IMAGENET1K_{version.upper()}"].url
        assert file.urls == [published]
        assert published.endswith(f"/{file.name}") and f"-{file.sha256_begins}.pth" in file.name


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("format", "pickle", "net.format: input should be 'torch' or 'safetensors', not 'pickle'"),
        ("names", "timm", "net.names: input should be 'sightline' or 'torchvision', not 'timm'"),
        ("architecture", "resnet18", "architecture: it names a model of torchvision"),
        ("role", "images", "file.role: it is weights here, not images"),
        ("sha256_begins", "12ab", "'12ab' is not 8 small hexadecimal digits or more"),
        ("sha256_begins", None, "a file that comes over https needs its sha256"),
        ("urls", [], "file: it needs its urls"),
    ],
)
@pytest.mark.faults
def test_a_mistake_in_an_entry_of_weights_is_named(tmp_path, place, value, message):
    file = {"name": "net.pth", "role": "weights", "urls": ["https://host/net.pth"]}
    file["sha256_begins"] = "0123abcd"
    entry = {"format": "torch", "names": "sightline", "note": "-", "terms": "-", "file": file}
    (entry if place in {*entry, "architecture"} else file)[place] = value
    path = tmp_path / "weights.yaml"
    path.write_text(yaml.safe_dump({"net": entry}))
    with pytest.raises(SightlineError) as caught:
        catalogues.weights(path, "net")
    assert message in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(SightlineError, match="no weights 'ned': did you mean 'net'"):
        catalogues.weights(path, "ned")
