"""What a training tells a person."""

import logging

from trainings import run


def test_an_epoch_is_a_line(layout, caplog):
    caplog.set_level(logging.INFO)
    run(layout, "mlp", epochs=2)
    lines = [line for line in caplog.text.splitlines() if "epoch " in line]
    assert "epoch 1 of 2: val_top1 " in lines[0] and "learning_rate 0.01, " in lines[0]
    assert "epoch 2 of 2" in lines[1]
