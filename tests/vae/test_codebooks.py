"""A latent space of codes: which are near, how they follow, and what a training makes of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch

from phenovae.base.errors import TrainingError, UsageError
from phenovae.vae.codebooks import Codebooks, Quantised, perplexity
from phenovae.vae.diagnosis import examine
from phenovae.vae.diagnostics import diagnose
from phenovae.vae.encoders import Trunk
from phenovae.vae.model import Batch, Posterior, Reconstruction, make_model
from phenovae.vae.model_files import Summary, load_model
from phenovae.vae.objectives import Objective
from phenovae.vae.options import CodeOptions, DiagnoseOptions, ModelOptions, ObjectiveOptions
from phenovae.vae.terms.commitment import CommitmentTerm
from phenovae.vae.terms.term import Setting

SETTING = Setting(10, (2, 16, 16), 4, (4, 6), Trunk((2, 3), 3), 0.01, quantised=True)
CODES = {"count": 5, "parts": 2}
VQ = ("reconstruction", "kl", "commitment")


def books(**options: float) -> Codebooks:
    """Two parts of two dimensions with two codes each, used evenly."""
    made = Codebooks(4, CodeOptions.model_validate({"count": 2, "parts": 2, **options}))
    made.vectors.copy_(torch.tensor([[[0.0, 0.0], [4.0, 0.0]], [[1.0, 1.0], [-1.0, -1.0]]]))
    made.uses.fill_(1.0)
    made.sums.copy_(made.vectors)
    return made


def test_each_part_is_put_to_its_nearest_code() -> None:
    found = books().eval()(torch.tensor([[3.0, 1.0, -2.0, 0.5], [1.0, 9.0, 0.1, 0.0]]), None)
    assert found.codes.tolist() == [[1, 1], [0, 0]]
    assert found.vectors.tolist() == [[4, 0, -1, -1], [0, 0, 1, 1]]


def test_codes_follow_the_mean_of_what_they_stand_for_in_training_alone() -> None:
    made = books(momentum=0.75, revive=0.0)
    cells = torch.tensor([[2.5, 0.0, 1.0, 1.0], [3.5, 2.0, 1.0, 1.0]])
    made.eval()(cells, None)
    assert torch.equal(made.vectors, books().vectors)
    found = made.train()(cells, torch.zeros(2, 4))
    assert found.vectors.tolist() == [[4, 0, 1, 1]] * 2
    # used once before and twice now: ¾ · 1 + ¼ · 2; sums ¾ · (4, 0) + ¼ · (6, 2)
    assert made.uses[0].tolist() == [0.75, 1.25]
    assert made.vectors[0, 1].tolist() == pytest.approx([4.5 / 1.25, 0.5 / 1.25])
    # what stands for nothing stays where it is
    assert made.vectors[0, 0].tolist() == [0, 0]
    assert made.vectors[1].tolist() == [[1, 1], [-1, -1]]


def test_a_code_that_is_not_used_is_put_to_a_cell_and_others_stay() -> None:
    made = books(momentum=0.5, revive=0.5).train()
    made.uses[0, 0] = 0.1
    cells = torch.tensor([[3.0, 9.0, 1.0, 1.0], [5.0, 0.0, -1.0, -1.0]])
    # the noise of the first part is least for the second cell
    found = made(cells, torch.tensor([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]]))
    assert found.vectors[1].tolist() == [5, 0, -1, -1]
    assert found.codes[0].tolist() == [1, 0]
    assert made.uses[0].tolist() == [1.0, 1.0]
    fresh = Codebooks(4, CodeOptions.model_validate({"count": 2, "parts": 2})).train()
    told = fresh(cells, torch.zeros(2, 4))
    assert sorted(map(tuple, told.vectors.tolist())) == [(3, 9, 1, 1), (5, 0, -1, -1)]


def test_latents_that_cannot_be_cut_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be cut into 3 parts"):
        Codebooks(4, CodeOptions(count=2, parts=3))


def test_perplexity_is_how_many_codes_are_as_good_as_in_use() -> None:
    usage = torch.tensor([[3.0, 3.0, 3.0, 3.0], [0.0, 7.0, 0.0, 0.0]])
    assert perplexity(usage) == pytest.approx((4 + 1) / 2)
    made = books()
    assert made.usage(torch.tensor([[0, 1], [1, 1], [1, 1]])).tolist() == [[1, 2], [0, 3]]


def test_the_gradient_goes_straight_through_and_the_kl_is_the_same_for_all() -> None:
    options = ModelOptions.model_validate({"size": "small", "latent": 4, "codes": CODES})
    model = make_model((2, 16, 16), options, 0)
    output = model(torch.rand(6, 2, 16, 16), torch.randn(6, 4))
    assert output.quantised is not None
    torch.testing.assert_close(output.z, output.quantised.vectors)
    (through,) = torch.autograd.grad(output.z.sum(), output.mu, retain_graph=True)
    assert torch.equal(through, torch.ones(6, 4))
    output.nll.mean().backward()
    assert model.encoder.mu.weight.grad is not None
    assert model.encoder.mu.weight.grad.abs().sum() > 0
    assert model.encoder.logvar.weight.grad is None
    posterior = Posterior(
        output.mu, output.logvar, output.z, quantised=output.quantised, code_kl=output.code_kl
    )
    assert posterior.kl.sum(dim=1).tolist() == pytest.approx([2 * math.log(5)] * 6)


def test_commitment_is_the_squared_distance_to_the_codes_for_every_value_of_an_image() -> None:
    term = CommitmentTerm(ObjectiveOptions(), SETTING)
    mu = torch.tensor([[1.0, 0.0, 2.0, 0.0]], requires_grad=True)
    codes = Quantised(torch.tensor([[0.0, 0.0, 0.0, 0.0]]), torch.zeros(1, 2, dtype=torch.int64))
    seen, nothing = Batch(torch.zeros(1, 2, 16, 16)), Reconstruction(mu, mu)
    assert term(seen, Posterior(mu, mu, mu, quantised=codes), nothing).tolist() == [512 * 5 / 4]
    with pytest.raises(TrainingError, match="no codes"):
        term(seen, Posterior(mu, mu, mu), nothing)


@pytest.mark.parametrize(
    ("terms", "quantised", "said"),
    [
        (("reconstruction", "commitment"), False, "has none"),
        (("reconstruction", "kl"), True, "nothing keeps the encoder"),
        ((*VQ, "mmd"), True, "`mmd` is about a Gaussian"),
    ],
)
def test_terms_that_do_not_go_with_the_latent_space_are_refused(
    terms: tuple[str, ...], said: str, *, quantised: bool
) -> None:
    setting = Setting(10, (2, 16, 16), 4, (4, 6), Trunk((2, 3), 3), 0.01, quantised=quantised)
    with pytest.raises(UsageError, match=said):
        Objective(ObjectiveOptions(terms=terms), setting)


def test_a_model_of_codes_resumes_to_the_same_bytes_and_says_how_many_are_in_use(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(
        model={"codes": CODES, "norm": "batch"}, objective={"terms": VQ}, train={"epochs": 2}
    )
    trained(tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", recipe, toy.Interrupting(4))
    summary = trained(tmp_path / "broken", recipe)
    assert toy.hash_of(tmp_path / "broken") == toy.hash_of(tmp_path / "whole")
    assert summary.kl == pytest.approx(2 * math.log(5))
    history = pd.read_csv(tmp_path / "whole" / "history.csv")
    assert history["code_perplexity"].between(1, 5).all()
    said = diagnose(tmp_path / "whole", toy.ToyImages(), toy.VALIDATION_ROWS)
    told = json.loads((tmp_path / "whole" / "diagnostics.json").read_text(encoding="utf-8"))
    assert told["code_perplexity"] == said["code_perplexity"]
    assert said["elbo_nats"] == pytest.approx(summary.elbo, rel=1e-6)
    with pytest.raises(UsageError, match="this one has codes"):
        examine(
            tmp_path / "whole",
            toy.ToyImages(),
            toy.VALIDATION_ROWS,
            DiagnoseOptions(device="cpu"),
            held_out=True,
        )
    model = load_model(tmp_path / "whole")
    drawn = model.draw(7, np.random.default_rng(1))
    assert drawn.shape == (7, 4)
    # what is drawn are codes, and codes are their own nearest
    books = model.model.codebooks
    assert books is not None
    there = torch.from_numpy(drawn)
    torch.testing.assert_close(books(there, there).vectors, there)
