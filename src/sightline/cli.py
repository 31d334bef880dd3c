"""The command line: `sightline STAGE NAME` is what dvc.yaml calls. It imports late: a command pays
for its own imports only.
"""

import argparse
import io
import logging
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FunctionType

from sightline.errors import TRY_AGAIN, SightlineError, TryAgain, masked, one_line
from sightline.files import disk_errors, write_atomically
from sightline.layout import Layout
from sightline.pipeline.add_arguments import add_arguments

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


def download(args: argparse.Namespace) -> None:
    """Fetch the files of one dataset, checked against its catalogue."""
    from sightline.data.fetch import download
    from sightline.settings import params

    layout = Layout()
    settings = params.load(layout)
    settings.dataset(args.name)
    catalogue = layout.catalogue(settings.catalogue)
    download(catalogue, layout.raw(args.name), layout.state.downloads)


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
    evaluate(args.name, layout, params.load(layout).evaluation.test_time_views)


def insight(args: argparse.Namespace) -> None:
    """Draw what one model sees: occlusion, filters, feature maps, gradients, gates."""
    from sightline.insight.insight import insight

    insight(args.name, Layout())


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


def benchmark(args: argparse.Namespace) -> None:
    """Measure exported models in onnxruntime; without a name, those that have no record."""
    from sightline.benchmark.run import benchmark

    benchmark(args.names, Layout(), args.force)


def compare(args: argparse.Namespace) -> None:
    """Print a table of all models: parameters, figures, seconds, size."""
    from sightline.report.compare import compare

    compare(Layout())


def report(args: argparse.Namespace) -> None:
    """Write an HTML page for each dataset: what its models reach, and what they see."""
    from sightline.report.pages import write_pages

    for page in write_pages(Layout()):
        print(page)


def ui(args: argparse.Namespace) -> None:
    """Open the MLflow UI on 127.0.0.1, after completing its runs."""
    from sightline.tracking.ui import serve

    serve(Layout(), args.port)


def clone(args: argparse.Namespace) -> None:
    """Make or refresh a clone of this workspace at the newest commit upstream, for a schedule."""
    from sightline.pipeline.worktrees import refresh_clone

    refresh_clone(Path(), Path(args.folder))


def validate(args: argparse.Namespace) -> None:
    """Check params.yaml before anything runs."""
    from sightline.pipeline.validate import validate
    from sightline.settings.steps import few_steps

    layout = Layout()
    settings = validate(layout)
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
    """Take a model, or a dataset without models, out of these files again."""
    from sightline.pipeline.entries import remove

    remove(Layout(), args.name)


@contextmanager
def _progress_bar(name: str) -> Iterator[Callable[[int, int, float], None]]:
    """Yield what training tells its progress to; quiet where there is no terminal."""
    from tqdm import tqdm

    with tqdm(desc=name, unit="step", disable=bool(_rank()) or None, leave=False) as bar:

        def tell(step: int, steps: int, loss: float) -> None:
            bar.total = steps
            bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            bar.update(step - bar.n)

        yield tell


def _rank() -> int | None:
    """Return which rank of a training in several processes this is, if it is one: 0 speaks."""
    return int(os.environ["RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ else None


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    root = argparse.ArgumentParser(
        prog="sightline",
        description="Teach convolutional and recurrent networks to see, reproducibly.",
    )
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    for command, name_help in (
        (download, "a dataset in params.yaml"),
        (preprocess, "a dataset in params.yaml"),
        (train, "a model in params.yaml"),
        (evaluate, "a model in params.yaml"),
        (insight, "a model in params.yaml"),
        (export, "a model in params.yaml"),
        (log, "a model in params.yaml; all where it is left out"),
    ):
        sub = _add(commands, command)
        sub.add_argument("name", help=name_help, nargs="?" if command is log else None)
    sub = _add(commands, repro)
    sub.add_argument("targets", nargs="*", help="stages (train@mnist-lstm) or kinds (export)")
    sub.add_argument("-j", "--jobs", type=_jobs, help="stages at once; a core each by default")
    sub.add_argument("-f", "--force", action="store_true", help="run them even if unchanged")
    sub.add_argument(
        "--no-fork", action="store_true", help="start each stage as a program of its own"
    )
    sub = _add(commands, predict)
    sub.add_argument("model", help="the ONNX file")
    sub.add_argument("images", nargs="+", help="image files of any size and kind")
    sub.add_argument("--top", type=_top, default=1, help="classes to print for each image")
    sub.add_argument(
        "--invert",
        choices=("auto", "yes", "no"),
        default="auto",
        help="turn light into dark: auto does so for a light border, if the model wants a dark one",
    )
    sub = _add(commands, benchmark)
    sub.add_argument("names", nargs="*", help="models in params.yaml")
    sub.add_argument("--force", action="store_true", help="measure again what has a record")
    _add(commands, compare)
    _add(commands, report)
    sub = _add(commands, ui)
    sub.add_argument("--port", type=int, default=5000, help="5000 where it is left out")
    _add(commands, validate)
    add_arguments(_add(commands, add))
    sub = _add(commands, remove)
    sub.add_argument("name", help="a model or a dataset in params.yaml")
    sub = _add(commands, clone)
    sub.add_argument("folder", help="the clone, below .sightline/clones; made where it is missing")
    return root


def _jobs(text: str) -> int:
    """Return the number of stages at once; an error of argparse for what is none."""
    from sightline.host.processors import cores

    if not text.isdecimal() or not 1 <= int(text) <= cores():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of stages from 1 to {cores()}, the cores of this machine"
        )
    return int(text)


def _top(text: str) -> int:
    """Return the number of classes to print; an error of argparse for what is none."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of classes, 1 or more")
    return int(text)


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", function: FunctionType
) -> argparse.ArgumentParser:
    summary = (function.__doc__ or "").split("\n")[0]
    sub = commands.add_parser(function.__name__, help=summary, description=summary)
    sub.set_defaults(run=function)
    return sub


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
    args = parser().parse_args(argv)
    level = logging.WARNING if _rank() else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_mask)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    try:
        with disk_errors(), _output():
            args.run(args)
    except SightlineError as error:
        print(f"sightline: {error}", file=sys.stderr)
        return TRY_AGAIN if isinstance(error, TryAgain) else 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except _NobodyReads:
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


class _NobodyReads(Exception):
    """The reader of the output has ended, as `head` does."""


@contextmanager
def _output() -> Iterator[None]:
    """Write out at the end what was printed. Where that fails, Python does not try it again."""
    try:
        yield
        if sys.stdout:  # None where the shell has closed it
            sys.stdout.flush()
    except OSError as error:
        if not sys.stdout:
            raise
        gone = isinstance(error, BrokenPipeError) and _reader_is_gone()
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if gone:
            raise _NobodyReads from None
        raise


def _reader_is_gone() -> bool:
    """Whether the output is a pipe that nobody reads; other pipes break, too."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in output.poll(0))


if __name__ == "__main__":
    sys.exit(main())
