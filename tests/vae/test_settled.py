from __future__ import annotations

from phenovae.vae.settled import settled


def test_keys_that_came_later_are_left_out_only_where_they_change_nothing() -> None:
    plain = {"train": {"batch": 8, "nodes": 1}, "objective": {"distillation": {"hidden": 2}}}
    assert settled(plain) == {"train": {"batch": 8}, "objective": {"distillation": {"hidden": 2}}}
    assert plain["train"] == {"batch": 8, "nodes": 1}
    set_ = {"train": {"nodes": 2}, "objective": {"distillation": {"momentum_epochs": 3.0}}}
    assert settled(set_) == set_
    zero = {"objective": {"distillation": {"momentum_epochs": 0.0}}}
    assert settled(zero) == {"objective": {"distillation": {}}}
    assert settled({"seed": 0, "train": None}) == {"seed": 0, "train": None}
