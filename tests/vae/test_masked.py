"""Patches that an encoder is not shown: which, what stands in their place, what they cost."""

from __future__ import annotations

import math
from types import ModuleType

import pytest
import torch

from phenovae.base.errors import TrainingError, UsageError
from phenovae.vae.encoders import Trunk
from phenovae.vae.model import Batch, Posterior, Reconstruction, make_model
from phenovae.vae.objectives import Objective
from phenovae.vae.options import ModelOptions, ObjectiveOptions
from phenovae.vae.patches import blanked, draw_hidden, patches_to_hide
from phenovae.vae.terms.term import Setting
from phenovae.vae.validation import measure

SETTING = Setting(10, (2, 16, 16), 4, (4, 6), Trunk((2, 3), 3), 0.01)
NOTHING = torch.zeros(0)


@pytest.mark.parametrize(
    ("patch", "share", "said"), [(5, 0.5, "do not fit"), (8, 0.1, "0 of 4"), (8, 0.9, "4 of 4")]
)
def test_patches_that_do_not_fit_or_hide_nothing_or_all_are_refused(
    patch: int, share: float, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        patches_to_hide(16, 16, patch, share)


def test_as_many_whole_patches_of_every_cell_are_hidden_and_others_of_each() -> None:
    assert patches_to_hide(16, 32, 4, 0.75) == 24
    hidden = draw_hidden(50, 16, 32, 4, 24, torch.Generator().manual_seed(1))
    assert hidden.shape == (50, 1, 16, 32)
    patches = hidden[:, 0].unfold(1, 4, 4).unfold(2, 4, 4).flatten(3)
    assert torch.equal(patches.all(dim=3), patches.any(dim=3))
    assert patches.all(dim=3).sum(dim=(1, 2)).tolist() == [24] * 50
    assert len({tuple(each.flatten().tolist()) for each in hidden}) > 45


def test_what_is_hidden_becomes_the_mean_of_what_is_left_of_its_channel() -> None:
    images = torch.tensor([[[[1.0, 2.0], [4.0, 9.0]], [[0.0, 0.5], [0.0, 0.25]]]])
    hidden = torch.tensor([[[[True, False], [False, True]]]])
    # 2 and 4 are left of the first channel, 0.5 and 0 of the other
    wanted = [[[[3.0, 2.0], [4.0, 3.0]], [[0.25, 0.5], [0.0, 0.25]]]]
    assert blanked(images, hidden).tolist() == wanted


@pytest.mark.parametrize("relative", [False, True])
def test_a_hidden_pixel_costs_its_density_and_counts_for_a_whole_image(*, relative: bool) -> None:
    options = ModelOptions.model_validate(
        {"size": "small", "latent": 4, "likelihood": {"sigma": 0.5, "relative": relative}}
    )
    model = make_model((2, 16, 16), options, 0)
    images = torch.rand(3, 2, 16, 16)
    hidden = draw_hidden(3, 16, 16, 8, 3, torch.Generator().manual_seed(1))
    noise = torch.zeros(3, 4)
    output = model(images, noise, hidden=hidden)
    assert output.hidden_nll is not None
    sigma = 0.5 * (images.amax(dim=(2, 3), keepdim=True) if relative else torch.ones(3, 2, 1, 1))
    cost = 0.5 * ((images - output.mean) / sigma).square() + sigma.log() + math.log(2 * math.pi) / 2
    by_hand = (cost * hidden).sum(dim=(1, 2, 3)) * 4 / 3
    torch.testing.assert_close(output.hidden_nll, by_hand)
    seen = model(blanked(images, hidden), noise)
    assert torch.equal(output.mu, seen.mu)
    assert torch.equal(output.mean, seen.mean)
    torch.testing.assert_close(output.nll, model.likelihood(seen.mean, images))
    assert model(images, noise).hidden_nll is None


def test_the_term_is_what_was_hidden_costs_and_needs_something_hidden() -> None:
    objective = Objective(ObjectiveOptions(terms=("masked", "kl")), SETTING)
    hidden = objective.hidden(3, torch.Generator().manual_seed(1))
    assert hidden is not None
    assert hidden.float().mean(dim=(1, 2, 3)).tolist() == [0.5] * 3
    assert Objective(ObjectiveOptions(), SETTING).hidden(3, torch.Generator()) is None
    told = Posterior(torch.zeros(1, 4), torch.zeros(1, 4), torch.zeros(1, 4))
    seen = Batch(torch.zeros(1, 2, 16, 16))
    known = Reconstruction(NOTHING, NOTHING, torch.tensor([7.0]))
    assert objective(seen, told, known)["masked"].tolist() == [7.0]
    with pytest.raises(TrainingError, match="nothing was hidden"):
        objective(seen, told, Reconstruction(NOTHING, NOTHING))


def test_the_elbo_of_validation_is_of_whole_images_and_the_terms_of_what_is_shown(
    toy: ModuleType,
) -> None:
    options = ModelOptions.model_validate({"size": "small", "latent": 4})
    model = make_model((2, 16, 16), options, 0)
    names = ("masked", "kl")
    plain, hiding = (
        measure(
            model,
            toy.ToyImages(),
            toy.VALIDATION_ROWS,
            batch=8,
            seed=1,
            device=torch.device("cpu"),
            objective=objective,
        )
        for objective in (None, Objective(ObjectiveOptions(terms=names), SETTING))
    )
    assert hiding.elbo == plain.elbo
    assert hiding.kl_per_dimension.tolist() == plain.kl_per_dimension.tolist()
    assert hiding.terms["kl"] != pytest.approx(plain.kl, rel=1e-6)
    assert math.isfinite(hiding.terms["masked"])
