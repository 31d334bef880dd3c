"""`sightline compare --runs`: the figures are those that the runs hold."""

from results import make_results

from sightline.report.runs import compare_runs
from sightline.tracking.log import log


def test_each_run_has_its_figures_and_their_change(project, capsys):
    log("mnist-cnn", make_results(project, val_top1=0.9))
    layout = make_results(project, val_top1=0.91)
    log("mnist-cnn", layout)
    compare_runs(layout)
    own, other = sorted(
        capsys.readouterr().out.splitlines()[2:], key=lambda line: "own" not in line
    )
    assert own.split()[-3:] == ["0.9100", "0.8000", "12.5"]
    assert other.split()[-5:] == ["0.9000", "-0.0100", "0.8000", "+0.0000", "12.5"]
