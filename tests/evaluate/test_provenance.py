"""What is told of the training that scores rest on."""

from __future__ import annotations

from phenovae.evaluate.provenance import Training, read_training


def test_a_loss_that_is_told_of_wells_says_so_with_every_score_and_stays_label_free() -> None:
    told = Training(labels="none", wells_told=True, chosen_by="last epoch")
    assert told.track == "label-free"
    assert told.text.startswith("label-free; told which cells share a well; weights chosen by")
    assert read_training(told.as_dict()) == told


def test_records_of_a_loss_that_is_not_are_as_they_were() -> None:
    told = Training(labels="none").as_dict()
    assert "wells_told" not in told
    assert "pretrained" not in told
    assert not read_training(told).wells_told
