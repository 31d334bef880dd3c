"""The stage `sources`: each dataset's entry in the catalogue that it names, on which `download`
depends. DVC can fill a catalogue's name into a path, but has no default for datasets without one.
"""

from sightline.files import write_json
from sightline.layout import Layout
from sightline.settings import catalogue
from sightline.settings.params import Params


def write_sources(layout: Layout, settings: Params) -> None:
    """Write data/sources/DATASET.json for each dataset: its catalogue, and its entry as it stands.

    An entry that is missing (null) or wrong stops its own `download` alone, which says so. A file
    that no dataset needs any more is removed.
    """
    names = {dataset: settings.catalogue_of(dataset) for dataset in settings.datasets}
    entries = {name: catalogue.load(layout.catalogue(name)) for name in set(names.values())}
    for old in layout.sources.glob("*.json"):
        if old.stem not in names:
            old.unlink()
    for dataset, name in names.items():
        source = {"catalogue": name, "entry": entries[name].get(dataset)}
        write_json(layout.sources / f"{dataset}.json", source)
    print(f"{layout.sources}: where {len(names)} datasets come from")
