"""The command line: `sightline STAGE NAME` is what dvc.yaml calls. It imports late: a command pays
for its own imports only.
"""

import argparse
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from sightline.arguments import parser
from sightline.errors import TRY_AGAIN, SightlineError, TryAgain, masked, one_line
from sightline.files import disk_errors, write_atomically
from sightline.host.output import NobodyReads, flushed
from sightline.layout import Layout

DEBUG = "SIGHTLINE_DEBUG"  # 1: an error that nobody foresaw ends in its traceback
_OWN_CODE = "SIGHTLINE_OWN_CODE"  # the package for which a command was started anew


def repro(args: argparse.Namespace) -> None:
    """Run every stage that is out of date, several at once; what `dvc repro --keep-going` does."""
    from sightline import cli  # by its name: this module may run as __main__
    from sightline.pipeline.repro import repro
    from sightline.settings import params

    settings = params.load(Layout())
    fork = None if args.no_fork else cli.main
    repro(Path(), settings, args.targets, args.jobs, args.force, fork)


def code(args: argparse.Namespace) -> None:
    """List the code that each stage runs, which makes a stage out of date when it changes."""
    from sightline.pipeline.code_lists import write_lists

    write_lists(Layout())


def sources(args: argparse.Namespace) -> None:
    """List where each dataset comes from, which makes `download` out of date when it changes."""
    from sightline.pipeline.sources import write_sources
    from sightline.settings import params

    layout = Layout()
    write_sources(layout, params.load(layout))


def download(args: argparse.Namespace) -> None:
    """Fetch the files of one dataset, checked against its catalogue."""
    from sightline.data.fetch import download
    from sightline.settings import params

    layout = Layout()
    path = layout.catalogue(params.load(layout).catalogue_of(args.name))
    download(path, layout.raw(args.name), layout.state.downloads)


def weights(args: argparse.Namespace) -> None:
    """Fetch weights to begin with, checked against data/weights.yaml."""
    from sightline.data.fetch import download_weights

    download_weights(args.name, Layout())


def preprocess(args: argparse.Namespace) -> None:
    """Decode one dataset into uint8 arrays: train, val and test."""
    from sightline.data.preprocess import preprocess
    from sightline.settings import params

    layout = Layout()
    settings = params.load(layout).dataset(args.name)
    preprocess(layout.raw(args.name), layout.processed(args.name), settings)


def train(args: argparse.Namespace) -> None:
    """Train one model; a run that was killed resumes from its checkpoint."""
    from sightline.models.check import check_models
    from sightline.settings import params
    from sightline.settings.steps import few_steps

    layout = Layout()
    settings = params.load(layout)
    model, recipe = settings.model(args.name)
    check_models(settings, layout, [args.name])
    for warning in few_steps(settings, layout, [args.name] if not _rank() else []):
        logging.warning(warning)
    if settings.compute.processes > 1 and _rank() is None:
        from sightline.training.launch import launch

        launch(args.name, settings.compute.processes)
        return
    from sightline.training.loop import train
    from sightline.training.ranks import one_voice

    with one_voice(), _progress_bar(args.name) as progress:
        train(args.name, model, recipe, settings.compute, layout, progress)


def evaluate(args: argparse.Namespace) -> None:
    """Test one model on the splits that training never saw."""
    from sightline.evaluation.evaluate import evaluate
    from sightline.settings import params

    layout = Layout()
    settings = params.load(layout)
    views, device = settings.evaluation.test_time_views, settings.compute.device
    evaluate(args.name, layout, views, device)


def insight(args: argparse.Namespace) -> None:
    """Draw what one model sees: occlusion, filters, feature maps, gradients, gates."""
    from sightline.insight.insight import insight
    from sightline.settings import params

    layout = Layout()
    insight(args.name, layout, params.load(layout).compute.device)


def export(args: argparse.Namespace) -> None:
    """Write one model as an ONNX file and check it against torch."""
    from sightline.export.export import export

    export(args.name, Layout())


def log(args: argparse.Namespace) -> None:
    """Write one model into MLflow; without a name, complete what the store lacks."""
    from sightline.tracking.log import complete, log

    if args.name:
        log(args.name, Layout())
    else:
        complete(Layout())


def predict(args: argparse.Namespace) -> None:
    """Ask an ONNX file about images: what its task answers for each. Needs no torch."""
    from sightline.inference.predict import predict

    predict(args.model, args.images, top=args.top, invert=args.invert)


def serve(args: argparse.Namespace) -> None:
    """Answer about images over HTTP, by exported models. Needs no torch."""
    from sightline.serving.serve import serve

    serve(
        args.models,
        Layout(),
        host=args.host,
        port=args.port,
        threads=args.threads,
        queue=args.queue,
        batch=args.batch,
        wait=args.wait_ms / 1000,
    )


def publish(args: argparse.Namespace) -> None:
    """Write a folder of one exported model for others: card, test vectors, sums, provenance."""
    from sightline.publishing.publish import publish

    publish(args.model, Path(args.folder), Layout(), args.license, args.key)


def verify(args: argparse.Namespace) -> None:
    """Check a published folder, file by file, and run its test vectors. Needs no torch."""
    from sightline.publishing.verify import verify

    for line in verify(Path(args.folder), args.key):
        print(line)


def benchmark(args: argparse.Namespace) -> None:
    """Measure exported models in onnxruntime; without a name, those that have no record."""
    from sightline.benchmark import run

    if args.profile:
        run.profile(args.names, Layout())
    else:
        run.benchmark(args.names, Layout(), args.force)


def compare(args: argparse.Namespace) -> None:
    """Print a table of all models, or of what experiments and runs changed."""
    if args.experiments:
        from sightline.report.experiments import compare_experiments as compare
    elif args.runs:
        from sightline.report.runs import compare_runs as compare
    else:
        from sightline.report.compare import compare

    compare(Layout())


def report(args: argparse.Namespace) -> None:
    """Write an HTML page for each dataset: what its models reach, and what they see."""
    from sightline.report.pages import write_pages

    for page in write_pages(Layout()):
        print(page.resolve().as_uri())


def ui(args: argparse.Namespace) -> None:
    """Open the MLflow UI on 127.0.0.1, after completing its runs."""
    from sightline.tracking.ui import serve

    serve(Layout(), args.port)


def clone(args: argparse.Namespace) -> None:
    """Make or refresh a clone of this workspace at the newest commit upstream, for a schedule."""
    from sightline.pipeline.worktrees import refresh_clone

    refresh_clone(Path(), Path(args.folder))


def validate(args: argparse.Namespace) -> None:
    """Check params.yaml and dvc.yaml before anything runs."""
    from sightline.pipeline.validate import complete, validate
    from sightline.settings.steps import few_steps

    layout = Layout()
    settings = validate(layout)
    for place in complete(layout, settings, args.fix):
        print(f"written into dvc.yaml: {place}")
    for warning in few_steps(settings, layout, settings.models):
        logging.warning(warning)
    print(
        f"params.yaml is valid: catalogue {settings.catalogue}, "
        f"{len(settings.datasets)} datasets, {len(settings.models)} models"
    )


def add(args: argparse.Namespace) -> None:
    """Write a dataset or a model of your own into params.yaml, the catalogue and dvc.yaml."""
    from sightline.pipeline.entries import add_dataset, add_model

    options = {key: value for key, value in vars(args).items() if key not in ("run", "add")}
    (add_model if args.add == "model" else add_dataset)(Layout(), **options)


def remove(args: argparse.Namespace) -> None:
    """Take a model, a dataset without models, or all of the demo, out of these files again."""
    from sightline.pipeline.entries import remove, remove_demo

    remove_demo(Layout()) if args.demo else remove(Layout(), args.name)


@contextmanager
def _progress_bar(name: str) -> Iterator[Callable[[int, int, float], None]]:
    """Yield what training tells its progress to; quiet where there is no terminal."""
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    with (
        tqdm(desc=name, unit="step", disable=bool(_rank()) or None, leave=False) as bar,
        logging_redirect_tqdm() if not bar.disable else nullcontext(),
    ):

        def tell(step: int, steps: int, loss: float) -> None:
            bar.total = steps
            bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            bar.update(step - bar.n)

        yield tell


def _rank() -> int | None:
    """Return which rank of a training in several processes this is, if it is one: 0 speaks."""
    return int(os.environ["RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ else None


COMMANDS = (
    *(repro, download, preprocess, weights, train, evaluate, insight, export, log),
    *(code, sources),
    *(predict, serve, publish, verify, benchmark, compare, report, ui),
    *(validate, add, remove, clone),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0, or after an error, which is one line: 75 if it may pass, else 1.

    What the shell gives a program that a signal ends: 130 after Ctrl-C, 141 where nobody reads
    the output any more.
    """
    if argv is None:
        _run_the_code_of_this_folder()
    # a stage must not outlive dvc, nor a rank the training that started it
    if "DVC_STAGE" in os.environ or _rank() is not None:
        from sightline.host.processes import die_with_parent

        die_with_parent()
    # before torch starts its threads: idle ones sleep instead of burning a core
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # names of files may be in any encoding
    args = parser(COMMANDS).parse_args(argv)
    level = logging.WARNING if _rank() else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_mask)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    try:
        with disk_errors(), flushed():
            args.run(args)
    except SightlineError as error:
        print(f"sightline: {error}", file=sys.stderr)
        return TRY_AGAIN if isinstance(error, TryAgain) else 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except NobodyReads:
        return 128 + signal.SIGPIPE
    except Exception as error:
        if os.environ.get(DEBUG) == "1":
            raise
        print(f"sightline: {_unforeseen(error, args.run.__name__)}", file=sys.stderr)
        return 1
    return 0


def _mask(entry: logging.LogRecord) -> bool:
    """Take the secrets out of a line of the log."""
    entry.msg, entry.args = masked(entry.getMessage()), ()
    return True


def _unforeseen(error: Exception, command: str) -> str:
    """Return an error that nobody foresaw in a line; in a project its traceback goes to a file."""
    text, layout = f"{type(error).__name__}: {one_line(error)[:500]}", Layout()
    advice = f"with {DEBUG}=1 the same command shows where it comes from"
    if layout.params.exists():
        file = layout.own_state.traceback(command)
        with suppress(OSError, SightlineError):
            write_atomically(file, masked(traceback.format_exc()).encode())
            advice = f"{file} says where it comes from"
    return masked(f"{text}: {advice}")


def _run_the_code_of_this_folder() -> None:
    """Start this command anew by the package of the project that it works in, if another one runs.

    An environment has one sightline installed. A git worktree, an experiment of DVC and a copied
    project have their own code, under whose digest DVC keeps what they make.
    """
    project = Layout()
    own = str(project.package.resolve())
    if not project.has_package or str(Path(__file__).resolve().parents[1]) == own:
        return
    if os.environ.get(_OWN_CODE) == own:
        sys.exit(
            f"sightline: {own} is the code of this folder, and {__file__} runs: Python does not "
            "heed PYTHONPATH here: install the package of this folder (`make env`)"
        )
    paths = [own, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ |= {"PYTHONPATH": os.pathsep.join(paths), _OWN_CODE: own}
    os.execv(sys.executable, [sys.executable, "-P", "-m", "sightline.cli", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
