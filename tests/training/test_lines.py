"""What a training tells a person."""

import logging

from trainings import run


def test_an_epoch_is_a_line_and_few_steps_are_a_warning(layout, caplog):
    caplog.set_level(logging.INFO)
    run(layout, "mlp", epochs=2)
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelname == "WARNING"]
    assert warnings == [
        "it takes 14 steps in all, 2 epochs of 7: fewer than 50 seldom teach a network anything: "
        "set a smaller batch_size (it is 32), or more epochs, in recipe its"
    ]
    lines = [line for line in caplog.text.splitlines() if "epoch " in line]
    assert "epoch 1 of 2: learning_rate 0.01, train_loss " in lines[0] and "val_top1 " in lines[0]
    assert "epoch 2 of 2" in lines[1]

    caplog.clear()
    run(layout, "mlp", epochs=8)
    assert "seldom" not in caplog.text
