"""A decoder that is told the plate of a cell, and one of plates that it has not seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from phenovae.base.errors import TrainingError
from phenovae.vae.diagnosis import examine
from phenovae.vae.diagnostics import diagnose
from phenovae.vae.model import make_model
from phenovae.vae.model_files import Summary, load_model
from phenovae.vae.options import DiagnoseOptions, ModelOptions
from phenovae.vae.plates import codes_of, partly_untold, told_plates

PLATES = np.arange(64, dtype=np.int64) % 3
PLATES[60:] = 3
NAMES = ("Week 1", "Week 2", "Week 3", "Week 4")
TOLD = {"code": 3, "untold": 0.5}


def test_plates_that_only_other_images_have_are_coded_as_none() -> None:
    codes, names = told_plates(np.array([2, 0, 5, 2, 7]), "abcdefgh", np.array([0, 2]))
    assert (codes.tolist(), names) == ([1, 0, 2, 1, 0], ("c", "f"))
    assert codes_of(["f", "new", "c"], names).tolist() == [2, 0, 1]
    assert codes_of([], names).shape == (0,)
    for plates, known in ((None, "ab"), (np.array([0, 1]), "")):
        with pytest.raises(TrainingError, match="plates are not known"):
            told_plates(plates, known, np.array([0]))


def test_a_share_of_the_cells_is_told_no_plate_and_the_others_theirs() -> None:
    codes = torch.arange(1, 10_001)
    left = partly_untold(codes, 0.25, torch.Generator().manual_seed(1))
    assert int((left == 0).sum()) == pytest.approx(2_500, abs=130)
    assert torch.equal(left[left > 0], codes[left > 0])
    assert torch.equal(left, partly_untold(codes, 0.25, torch.Generator().manual_seed(1)))
    assert not partly_untold(codes, 1.0, torch.Generator().manual_seed(1)).any()


def test_the_code_moves_what_is_decoded_and_never_what_is_encoded() -> None:
    options = ModelOptions.model_validate(
        {"size": "small", "latent": 1, "plates": {"code": 1}, "likelihood": {"sigma": 1}}
    )
    model = make_model((1, 16, 16), options, 0, plates=2)
    assert model.plates is not None
    assert model.plates.weight.tolist() == [[0], [0], [0]]
    model.plates.weight.data[2] = 5.0
    # the decoder's only layer that sees latents: z counts as it is, the code twice
    layer = model.decoder.get_submodule("linear")
    assert isinstance(layer, torch.nn.Linear)
    layer.weight.data = torch.tensor([[1.0, 2.0]]).repeat(16, 1)
    z = torch.tensor([[3.0], [3.0], [13.0]])
    told = model.decode(z, torch.tensor([0, 2, 1]))
    torch.testing.assert_close(told[1], told[2])
    assert not torch.allclose(told[0], told[1])
    assert torch.equal(model.decode(z), model.decode(z, torch.zeros(3, dtype=torch.int64)))
    images, noise = torch.rand(2, 1, 16, 16), torch.zeros(2, 1)
    with_plate, without = model(images, noise, None, torch.tensor([2, 2])), model(images, noise)
    assert torch.equal(with_plate.mu, without.mu)
    assert not torch.allclose(with_plate.mean, without.mean)


def test_no_plate_stays_zero_and_only_plates_that_were_told_learn() -> None:
    options = ModelOptions.model_validate({"size": "small", "latent": 2, "plates": {"code": 2}})
    model = make_model((1, 16, 16), options, 0, plates=2)
    output = model(torch.rand(4, 1, 16, 16), torch.zeros(4, 2), None, torch.tensor([0, 0, 2, 2]))
    output.nll.mean().backward()
    assert model.plates is not None
    assert model.plates.weight.grad is not None
    assert model.plates.weight.grad.any(dim=1).tolist() == [False, False, True]


def test_the_card_names_the_plates_and_diagnostics_tell_what_they_are_worth(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(model={"plates": TOLD})
    summary = trained(tmp_path, recipe, plates=PLATES, plate_names=NAMES)
    card = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert card["plates"] == ["Week 1", "Week 2", "Week 3"]
    plates = [NAMES[number] for number in PLATES]
    said = diagnose(tmp_path, toy.ToyImages(), toy.VALIDATION_ROWS, plates=plates)
    assert said["elbo_nats"] == pytest.approx(summary.elbo, rel=1e-6)
    assert said["elbo_nats_of_no_plate"] != said["elbo_nats"]
    plain = diagnose(tmp_path, toy.ToyImages(), toy.VALIDATION_ROWS)
    assert plain["elbo_nats"] == said["elbo_nats_of_no_plate"]
    asked = DiagnoseOptions(device="cpu", importance_cells=2, draws=2)
    told = examine(tmp_path, toy.ToyImages(), toy.VALIDATION_ROWS, asked, held_out=True)
    assert told["cells"] == 16
    model = load_model(tmp_path)
    z = np.zeros((3, 4), np.float32)
    decoded = model.decode(z, ["Week 2", "Week 4", "never seen"])
    none = model.decode(z)
    assert (decoded[0] != none[0]).any()
    np.testing.assert_array_equal(decoded[1:], none[1:])


def test_a_decoder_that_is_told_resumes_to_the_same_bytes(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(model={"plates": TOLD, "norm": "batch"}, train={"epochs": 2})
    named = {"plates": PLATES, "plate_names": NAMES}
    trained(tmp_path / "whole", recipe, **named)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", recipe, toy.Interrupting(4), **named)
    trained(tmp_path / "broken", recipe, **named)
    assert toy.hash_of(tmp_path / "broken") == toy.hash_of(tmp_path / "whole")


def test_a_decoder_that_is_to_be_told_plates_wants_to_know_them(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="plates are not known"):
        trained(tmp_path, toy.recipe(model={"plates": TOLD}))
