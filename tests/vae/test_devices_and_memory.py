"""The precision that is chosen for a machine, and memory that a process keeps for a while."""

from __future__ import annotations

import pytest
import torch

from phenovae.vae.devices import precision_of
from phenovae.vae.memory import keeping_memory
from phenovae.vae.options import TrainOptions


@pytest.mark.parametrize(
    ("told", "chosen"),
    [
        ({"avx2": True}, "32"),
        ({"avx512_f": True, "avx512_bf16": False}, "32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({}, "32"),
    ],
)
def test_a_processor_trains_in_bfloat16_only_if_it_has_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, bool], chosen: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told)
    assert precision_of(TrainOptions(precision="auto", device="cpu")) == chosen


def test_a_pytorch_that_does_not_tell_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precision_of(TrainOptions(precision="auto", device="cpu")) == "32"


@pytest.mark.parametrize(("capability", "chosen"), [((7, 5), "32"), ((8, 0), "bf16")])
def test_a_gpu_trains_in_bfloat16_from_the_generation_that_has_it(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert precision_of(TrainOptions(precision="auto", device="cuda")) == chosen


@pytest.mark.parametrize("asked", ["32", "bf16"])
def test_a_precision_that_is_asked_for_is_taken(asked: str) -> None:
    assert precision_of(TrainOptions.model_validate({"precision": asked})) == asked


def test_results_are_the_same_with_memory_kept() -> None:
    def results() -> list[float]:
        return [float(torch.ones(size, size).cumsum(0).sum()) for size in (10, 2000, 10)]

    before = results()
    with keeping_memory(), keeping_memory():
        within = results()
    assert before == within == results()
