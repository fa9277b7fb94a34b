from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from phenovae.base.errors import UsageError
from phenovae.vae.encoders import Trunk
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.objectives import (
    Objective,
    bits_per_dimension,
    elbo,
    weighted,
)
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.terms.elbo import KLTerm
from phenovae.vae.terms.term import Setting


def _posterior(mu: torch.Tensor, logvar: torch.Tensor) -> Posterior:
    return Posterior(mu, logvar, mu)


def _reconstruction(nll: list[float]) -> Reconstruction:
    return Reconstruction(torch.zeros(len(nll), 1, 1, 1), torch.tensor(nll))


IMAGES = Batch(torch.zeros(2, 1, 1, 1))


def setting(steps_per_epoch: int) -> Setting:
    return Setting(steps_per_epoch, (1, 16, 16), 4, (2, 4), Trunk((1, 2)), 0.01)


def test_kl_is_that_of_two_gaussians() -> None:
    random = torch.Generator().manual_seed(0)
    mu, logvar = (torch.randn(5, 7, generator=random) for _ in range(2))
    wanted = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(_posterior(mu, logvar).kl, wanted)


def test_beta_weighs_kl_and_leaves_the_elbo_alone() -> None:
    posterior = _posterior(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.zeros(2, 2))
    reconstruction = _reconstruction([10.0, 20.0])
    for beta in (0.0, 1.0, 4.0):
        objective = Objective(ObjectiveOptions(beta=beta), setting(10))
        losses = objective(IMAGES, posterior, reconstruction)
        loss = weighted(losses, objective.weights(0))
        assert losses["kl"].tolist() == [2.0, 0.0]
        assert float(loss) == 15.0 + beta * 1.0
        assert elbo(posterior, reconstruction).tolist() == [-12.0, -20.0]


def test_warm_up_grows_linearly_to_beta_and_stays() -> None:
    term = KLTerm(ObjectiveOptions(beta=2.0, kl_warmup_epochs=2), setting(5))
    weights = [term.weight(step) for step in (0, 5, 10, 1000)]
    assert weights == [0.0, 1.0, 2.0, 2.0]


def test_free_bits_are_the_larger_of_mean_kl_and_floor_for_each_dimension() -> None:
    # Mean KL by dimension: (2 + 0) / 2 = 1, (0.5 + 0) / 2 = 0.25 and 0.
    mu = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    posterior = _posterior(mu, torch.zeros(2, 3))
    term = KLTerm(ObjectiveOptions(free_bits=0.5), setting(1))
    losses = term(IMAGES, posterior, _reconstruction([0.0, 0.0]))
    assert losses.tolist() == [2.0 + 0.5 + 0.5, 0.0 + 0.5 + 0.5]
    assert float(losses.detach().mean()) == 1.0 + 0.5 + 0.5
    losses.mean().backward()  # type: ignore[no-untyped-call]
    assert mu.grad is not None
    assert mu.grad.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_an_unknown_term_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="reconstruction") as caught:
        Objective(ObjectiveOptions(terms=("reconstruktion", "kl")), setting(1))
    assert "did you mean 'reconstruction'" in str(caught.value)


@pytest.mark.parametrize("terms", [(), ("kl", "kl")])
def test_no_term_and_a_term_twice_are_refused(terms: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        Objective(ObjectiveOptions(terms=terms), setting(1))


def test_bits_per_dimension_of_a_known_elbo() -> None:
    assert bits_per_dimension(-math.log(2) * 12, 4) == pytest.approx(3.0)
    assert bits_per_dimension(math.log(2) * 12, 4) == pytest.approx(-3.0)
