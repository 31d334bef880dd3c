"""What may start when, without a process or a clock."""

from typing import cast

import pytest
from support import PROJECT

from sightline.layout import Layout
from sightline.pipeline.engine import Engine
from sightline.pipeline.graph import Stage
from sightline.pipeline.run import Run
from sightline.pipeline.schedule import Room, Schedule, simulate
from sightline.settings import params

UPSTREAM = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ()}


def schedule(slots: int = 2, needs: dict | None = None, seconds: dict | None = None) -> Schedule:
    return Schedule(
        UPSTREAM,
        {name: (needs or {}).get(name, Room(1)) for name in UPSTREAM},
        Room(slots, 1),
        {name: (seconds or {}).get(name, 1.0) for name in UPSTREAM},
    )


def test_the_longest_way_to_the_end_starts_first_and_slots_are_the_limit():
    plan = schedule(slots=1)
    order = []
    while not plan.finished:
        (name,) = plan.start()
        assert plan.start() == []
        order.append(name)
        plan.end(name, succeeded=True)
    assert order == ["a", "b", "c", "d", "e"]
    assert plan.succeeded == set(UPSTREAM)


def test_what_waits_for_room_is_not_overtaken():
    plan = schedule(needs={"b": Room(2)}, seconds={"b": 5.0})
    assert plan.start() == ["a", "e"]
    plan.end("a", succeeded=True)
    assert plan.start() == []  # b needs both slots; c would keep it waiting
    plan.end("e", succeeded=True)
    assert plan.start() == ["b"]


def test_gpus_are_counted_apart():
    plan = schedule(slots=3, needs={"a": Room(1, 1), "e": Room(1, 1)})
    assert plan.start() == ["a"]
    plan.end("a", succeeded=True)
    assert plan.start() == ["b", "c", "e"]


def test_a_failure_takes_its_descendants_and_nothing_else():
    plan = schedule()
    plan.start()
    plan.end("e", succeeded=True)
    plan.end("a", succeeded=False)
    assert plan.failed == ["a"]
    assert plan.skipped == ["b", "c", "d"]
    assert plan.finished


def test_a_stop_starts_nothing_more():
    plan = schedule()
    assert plan.start() == ["a", "e"]
    plan.stop()
    plan.end("a", succeeded=True)
    assert plan.start() == [] and not plan.finished
    plan.end("e", succeeded=True)
    assert plan.finished


def test_what_is_left_is_estimated_by_the_work_and_by_the_longest_way():
    plan = schedule(slots=2, seconds={"a": 4.0, "b": 4.0, "c": 4.0, "d": 4.0, "e": 4.0})
    assert plan.seconds_left({}) == 12.0  # the way a, b, d
    plan.start()
    assert plan.seconds_left({"a": 3.0, "e": 3.0}) == 8.0


def test_a_simulation_uses_every_core_it_can():
    seconds = dict.fromkeys(UPSTREAM, 1.0)
    needs = dict.fromkeys(UPSTREAM, Room(1))
    assert simulate(UPSTREAM, needs, Room(1), seconds) == 5.0
    assert simulate(UPSTREAM, needs, Room(2), seconds) == 3.0
    assert simulate(UPSTREAM, needs, Room(16), seconds) == 3.0


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_model_is_evaluated_on_a_gpu_that_no_training_holds(tmp_path, elsewhere):
    settings = params.load(Layout(PROJECT))
    names = ("train@a", "evaluate@b", "insight@b", "export@b")
    stages = {name: Stage(name, upstream=(), outs=()) for name in names}
    run = Run(tmp_path, settings, cast(Engine, None), stages, 4, devices=1, elsewhere=elsewhere)
    started = run.schedule.start()
    assert "train@a" in started  # the longest way of all, by the first guesses
    assert len({"evaluate@b", "insight@b"} & {*started}) == (1 if elsewhere else 0)
