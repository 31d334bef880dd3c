"""provenance.json: the commit and the entries of dvc.lock from which the same bytes come again."""

from pathlib import Path
from typing import Any

from sightline.errors import SightlineError
from sightline.files import md5, md5_of_folder, read_json
from sightline.layout import LOCK, PIPELINE, Layout, PublishedFiles
from sightline.publishing.front_matter import without_front_matter

KEYS = ("model", "seed", "license", "commit", "again", "stages")


def provenance(name: str, seed: int, license: str, layout: Layout) -> dict[str, Any]:
    """Return what provenance.json holds. `seed`: of the training.

    Raises SightlineError where a stage is out of date, the files are not those that dvc.lock names,
    or what the stages read is not committed.
    """
    from sightline.pipeline import graph, lockfile

    last, again = f"export@{name}", f"run `sightline repro export@{name}`"
    locked = lockfile.locked(layout.root)
    _check_outs(name, locked.get(last, {}), layout, again)
    plan = graph.plan(layout.root, [last])
    if stale := [stage for stage in plan.stages if stage in plan.stale]:
        raise SightlineError(f"{name} is not published: {stale[0]} is out of date: {again}")
    return {
        "model": name,
        "seed": seed,
        "license": license,
        "commit": _commit(layout),
        "again": f"dvc repro {last}",
        "stages": {stage: locked[stage] for stage in plan.stages},
    }


def check_provenance(files: PublishedFiles, name: str) -> dict[str, Any]:
    """Return provenance.json; SightlineError where the model files are not those that it names."""
    again = f"fetch {files.path} again"
    content = read_json(files.provenance, again, *KEYS)
    last = content["stages"].get(f"export@{content['model']}", {})
    named = {Path(out["path"]).name: out["md5"] for out in last.get("outs", ())}
    if content["model"] != name or named.get(name) != _md5_of_export(files):
        raise SightlineError(
            f"{files.provenance}: the model files of {files.path} are not what its entry of {LOCK} "
            f"names: {again}"
        )
    return content


def _check_outs(name: str, entry: dict[str, Any], layout: Layout, again: str) -> None:
    """Raise SightlineError where the exported files are not those of their entry in dvc.lock."""
    files = layout.model(name)
    if not files.onnx.is_file():
        raise SightlineError(f"{files.onnx}: no such file: {name} is not exported yet: {again}")
    named = {layout.root / out["path"]: out.get("md5") for out in entry.get("outs", ())}
    present = {
        p.relative_to(files.path).as_posix(): p for p in files.path.rglob("*") if p.is_file()
    }
    actual = md5_of_folder({name: md5(path.read_bytes()) for name, path in present.items()})
    if named.get(files.path) != actual:
        raise SightlineError(
            f"{name} is not published: {files.path} is not what {layout.lock} names: its md5 is "
            f"{actual}, there it is {named.get(files.path, 'missing')}: {again}"
        )


def _md5_of_export(files: PublishedFiles) -> str:
    """Return the md5 that DVC gave the exported files, from the published ones."""
    md5s = {files.card.name: md5(without_front_matter(files.card.read_bytes()))}
    for path in (files.onnx, files.lengths_onnx, files.export):
        if path.is_file():
            md5s[path.name] = md5(path.read_bytes())
    return md5_of_folder(md5s)


def _commit(layout: Layout) -> str:
    """Return the commit that holds all that the stages read; SightlineError where none does."""
    from sightline.pipeline.worktrees import git

    catalogues = layout.catalogue("all").parent
    read = (layout.params, layout.root / PIPELINE, catalogues, layout.package)
    paths = [path.relative_to(layout.root).as_posix() for path in read if path.exists()]
    if changed := git(layout.root, "status", "--porcelain", "--", *paths).splitlines():
        raise SightlineError(
            f"{changed[0][3:]} is not committed: commit it first, so that provenance.json can name "
            "the commit from which the same bytes come again"
        )
    return git(layout.root, "rev-parse", "HEAD")
