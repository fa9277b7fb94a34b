"""Terms by hand: what each says of batches that can be worked out on paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from phenovae.base.errors import TrainingError, UsageError
from phenovae.vae.encoders import Encoded, Encoder, Trunk
from phenovae.vae.labels import learned_classes
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.model_files import Summary
from phenovae.vae.objectives import TERMS, Objective
from phenovae.vae.options import ModelOptions, ObjectiveOptions
from phenovae.vae.terms.compounds import CompoundTerm
from phenovae.vae.terms.contrast import ViewContrast, WellContrast
from phenovae.vae.terms.discriminator import DiscriminatorTerm
from phenovae.vae.terms.distillation import DistillationTerm
from phenovae.vae.terms.likeness import unexplained
from phenovae.vae.terms.mmd import MMDTerm
from phenovae.vae.terms.perceptual import PerceptualTerm
from phenovae.vae.terms.scattered import ScatteringTerm
from phenovae.vae.terms.term import Setting
from phenovae.vae.terms.total_correlation import TotalCorrelationTerm
from phenovae.vae.terms.variance import VarianceTerm

SETTING = Setting(
    steps_per_epoch=10,
    shape=(2, 16, 16),
    latent=3,
    stages=(4, 6),
    trunk=Trunk((2, 3), 3),
    slope=0.01,
)
NOTHING = Reconstruction(torch.zeros(0), torch.zeros(0))


def batch(count: int, wells: list[int] | None = None) -> Batch:
    return Batch(
        torch.zeros(count, 2, 16, 16), wells=None if wells is None else torch.tensor(wells)
    )


def posterior(one: torch.Tensor, other: torch.Tensor | None = None) -> Posterior:
    """A posterior whose coarsest stage is given for one view, or for both."""
    nothing = torch.zeros(len(one), 3)
    seen = None if other is None else Encoded(nothing, nothing, (other,))
    return Posterior(nothing, nothing, nothing, (one,), seen)


def without_head(term: ViewContrast | WellContrast | VarianceTerm) -> None:
    term.head = torch.nn.Sequential(torch.nn.Identity())


def test_two_cells_at_right_angles_are_told_apart_as_far_as_the_temperature_lets() -> None:
    term = ViewContrast(ObjectiveOptions(), SETTING)
    without_head(term)
    cells = torch.tensor([[3.0, 0.0], [0.0, 5.0]])
    loss = term(batch(2), posterior(cells, 2 * cells), NOTHING)
    # every view has its partner at cosine 1, and two others at cosine 0
    wanted = math.log(math.exp(1 / 0.2) + 2) - 1 / 0.2
    assert loss.tolist() == pytest.approx([wanted, wanted])


def test_cells_of_a_well_belong_together_and_a_lone_cell_to_its_other_view() -> None:
    term = WellContrast(ObjectiveOptions(), SETTING)
    without_head(term)
    cells = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    loss = term(batch(3, wells=[4, 4, 9]), posterior(cells, cells), NOTHING)
    alike = math.exp(1 / 0.2)
    # a cell of the pair: three alike besides itself, two at cosine 0; the lone one: one and four
    pair, lone = math.log(3 * alike + 2) - 5, math.log(alike + 4) - 5
    assert loss.tolist() == pytest.approx([pair, pair, lone])


def test_a_contrast_without_a_second_view_or_without_wells_says_so() -> None:
    cells = torch.eye(2)
    with pytest.raises(TrainingError, match="one view"):
        ViewContrast(ObjectiveOptions(), SETTING)(batch(2), posterior(cells), NOTHING)
    with pytest.raises(TrainingError, match="well of each cell"):
        WellContrast(ObjectiveOptions(), SETTING)(batch(2), posterior(cells, cells), NOTHING)


def test_variance_asks_for_likeness_spread_and_independence() -> None:
    term = VarianceTerm(ObjectiveOptions(), SETTING)
    without_head(term)
    lively = torch.tensor([[2.0, 2.0], [-2.0, -2.0], [2.0, -2.0], [-2.0, 2.0]])
    assert term(batch(4), posterior(lively, lively), NOTHING).tolist() == [0.0] * 4
    bound = torch.tensor([[2.0, 2.0], [-2.0, -2.0]])
    # covariance 8 of two dimensions: 2 · 8² / 2 for each view
    assert term(batch(2), posterior(bound, bound), NOTHING).tolist() == pytest.approx([128.0] * 2)
    still = torch.zeros(2, 2)
    wanted = 25 * (1 - math.sqrt(1e-4))
    assert term(batch(2), posterior(still, still), NOTHING).tolist() == pytest.approx([wanted] * 2)


def test_draws_of_the_prior_have_no_discrepancy_and_others_have() -> None:
    term = MMDTerm(ObjectiveOptions(), SETTING)
    z = torch.randn(400, 3, generator=torch.Generator().manual_seed(1))
    alike, shifted = (
        float(term(batch(400), Posterior(each, each, each), NOTHING)[0]) for each in (z, z + 2)
    )
    assert abs(alike) < 0.02
    assert shifted > 0.5
    one = torch.zeros(1, 3)
    assert term(batch(1), Posterior(one, one, one), NOTHING).tolist() == [0.0]


def test_total_correlation_is_that_of_a_mixture_that_can_be_worked_out() -> None:
    term = TotalCorrelationTerm(ObjectiveOptions(), SETTING)
    sharp = torch.full((2, 2), -14.0)
    bound = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    # two far points: the joint is ½ at each, the marginals give ¼; their ratio is 2
    told = term(batch(2), Posterior(bound, sharp, bound), NOTHING)
    assert told.tolist() == pytest.approx([math.log(2)] * 2, abs=1e-4)
    free = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    told = term(batch(4), Posterior(free, torch.full((4, 2), -14.0), free), NOTHING)
    assert told.tolist() == pytest.approx([0.0] * 4, abs=1e-4)


def test_stages_of_the_discriminator_come_in_one_after_the_other() -> None:
    term = DiscriminatorTerm(ObjectiveOptions(), SETTING)
    assert [term.stage_weight(0, step) for step in (0, 2500, 3750, 5000, 9999)] == [0, 0, 0.5, 1, 1]
    assert [term.stage_weight(1, step) for step in (5000, 6250, 7500)] == [0, 0.5, 1]


def test_maps_that_differ_cost_half_their_mean_square_for_every_value_of_an_image() -> None:
    images, rebuilt = torch.zeros(2, 2, 16, 16), torch.zeros(2, 2, 16, 16)
    rebuilt[1] = 1.0
    seen = Batch(images, step=3750)
    told = posterior(torch.zeros(2, 3))
    for scaled in (True, False):
        options = ObjectiveOptions.model_validate(
            {"discriminator": {"scaled": scaled, "norm": "none"}}
        )
        term = DiscriminatorTerm(options, SETTING)
        with torch.no_grad():
            first = term.network.layers[0]
            assert isinstance(first, torch.nn.Conv2d)
            first.weight.zero_()
            first.weight[:, :, 1, 1] = 1.0
            assert first.bias is not None
            first.bias.zero_()
        loss = term(seen, told, Reconstruction(rebuilt, torch.zeros(2)))
        # two channels of 1 add up to 2 at each of 8 x 8 places of two maps; half the weight
        wanted = 0.5 * (256 * 4 if scaled else 0.5 * 4 * 128)
        assert loss.tolist() == pytest.approx([0.0, wanted])


def test_a_discriminator_learns_from_fresh_images_or_from_the_other_half() -> None:
    mean = torch.rand(4, 2, 16, 16)
    told = posterior(torch.zeros(4, 3))
    rebuilt = Reconstruction(mean, torch.zeros(4))
    fresh = DiscriminatorTerm(ObjectiveOptions(), SETTING)
    assert Objective(ObjectiveOptions(terms=("kl", "discriminator")), SETTING).sees_fresh
    with pytest.raises(TrainingError, match="no fresh images"):
        fresh.own_loss(Batch(mean), told, rebuilt)
    assert fresh.own_loss(Batch(mean, fresh=mean), told, rebuilt).shape == (4,)
    halves = ObjectiveOptions.model_validate({"discriminator": {"real": "halves"}})
    term = DiscriminatorTerm(halves, SETTING)
    assert not term.sees_fresh
    assert term.own_loss(Batch(mean), told, rebuilt).shape == (2,)


def test_maps_rebuilt_as_their_means_are_wholly_unexplained_and_still_ones_count_by_the_floor() -> (
    None
):
    real = torch.zeros(2, 2, 2, 2)
    real[1, 0] = 2.0
    # the first map has mean 1 and variance 1, the second none: a hundredth of the mean variance, ½
    assert unexplained(real, torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1)).tolist() == [0.5, 0.5]
    off = unexplained(real, real + torch.tensor([0.0, 0.1]).reshape(1, 2, 1, 1))
    assert off.tolist() == pytest.approx([0.5 * 0.01 / 0.005] * 2)
    assert unexplained(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)).tolist() == [0.0]


@pytest.mark.parametrize("apart", ["joined", "apart"])
def test_the_encoder_looks_and_does_not_learn_by_what_it_sees(apart: str) -> None:
    options = ModelOptions.model_validate({"norm": "batch", "channels": apart, "latent": 3})
    encoder = Encoder((2, 16, 16), Trunk((2, 3, 3, 3), 3), options)
    term = PerceptualTerm(ObjectiveOptions(), replace(SETTING, encoder=encoder))
    before = {name: each.clone() for name, each in encoder.state_dict().items()}
    images = torch.rand(4, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    mean = images.flip(0).requires_grad_()
    told = posterior(torch.zeros(4, 3))
    loss = term(Batch(images), told, Reconstruction(mean, torch.zeros(4)))
    loss.mean().backward()  # type: ignore[no-untyped-call]
    assert mean.grad is not None
    assert float(mean.grad.abs().max()) > 0
    assert all(each.grad is None for each in encoder.parameters())
    assert encoder.training
    assert all(torch.equal(before[name], each) for name, each in encoder.state_dict().items())
    assert bool((loss > 0).all())
    same = term(Batch(images), told, Reconstruction(images, torch.zeros(4)))
    assert same.tolist() == [0.0] * 4


def test_textures_that_are_missing_cost_as_much_however_faint_they_are() -> None:
    options = ObjectiveOptions.model_validate({"scattering": {"scales": 2, "angles": 2}})
    term = ScatteringTerm(options, SETTING)
    told = posterior(torch.zeros(4, 3))
    random = torch.rand(4, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    losses = []
    for strength in (1.0, 0.01):
        images = strength * random
        flat = images.mean(dim=(2, 3), keepdim=True).expand_as(images)
        losses.append(term(Batch(images), told, Reconstruction(flat, torch.zeros(4))))
        same = term(Batch(images), told, Reconstruction(images, torch.zeros(4)))
        assert same.tolist() == [0.0] * 4
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-3, atol=0)
    assert float(losses[0].min()) > 256


def distilling(**chosen: float) -> tuple[DistillationTerm, Encoder]:
    """A term whose heads pass on two features, each the cosine with one of two prototypes."""
    options = ObjectiveOptions.model_validate({"distillation": {"prototypes": 2, **chosen}})
    encoder = Encoder((2, 16, 16), Trunk((2, 2, 2, 1), 3), ModelOptions(latent=3))
    term = DistillationTerm(options, replace(SETTING, stages=encoder.widths, encoder=encoder))
    for head in (term.head, term.teacher_head):
        head.layers = torch.nn.Sequential(torch.nn.Identity())
        head.prototypes.data = torch.eye(2)
    return term, encoder


def test_a_student_pays_the_cross_entropy_of_the_teachers_sharp_answer_to_the_other_view() -> None:
    term, _ = distilling(teacher_temperature=0.5, student_temperature=1.0)
    answers = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    encoded = Encoded(torch.zeros(2, 3), torch.zeros(2, 3), (answers,))
    term.teacher.forward = lambda images: encoded  # type: ignore[method-assign]
    term.eval()
    seen = Batch(torch.zeros(1, 2, 16, 16), other=torch.zeros(1, 2, 16, 16))
    views = torch.tensor([[3.0, 0.0]]), torch.tensor([[3.0, 0.0]])
    loss = term(seen, posterior(*views), NOTHING)
    # the student says (1, 0) / 1 of both views, the teacher (1, 0) / ½ of one, (0, 1) / ½ of other
    right = math.exp(2) / (math.exp(2) + 1)
    said = math.exp(1) / (math.exp(1) + 1)
    one = -(right * math.log(said) + (1 - right) * math.log(1 - said))
    other = -(right * math.log(1 - said) + (1 - right) * math.log(said))
    assert loss.tolist() == pytest.approx([(one + other) / 2])
    term.centre = torch.tensor([1.0, 0.0])
    centred = term(seen, posterior(*views), NOTHING)
    even = -0.5 * (math.log(said) + math.log(1 - said))
    # less the centre the first answer is (0, 0), so even; the second (-1, 1) / ½, the sharper
    sharp = math.exp(2) / (math.exp(2) + math.exp(-2))
    wanted = -(sharp * math.log(1 - said) + (1 - sharp) * math.log(said))
    assert centred.tolist() == pytest.approx([(even + wanted) / 2])


def test_the_teachers_momentum_stays_or_rises_to_one_along_half_a_cosine() -> None:
    steady, _ = distilling(momentum=0.9)
    assert [steady.momentum(step) for step in (0, 10**6)] == [0.9, 0.9]
    rising, _ = distilling(momentum=0.9, momentum_epochs=4.0)
    steps = 4 * SETTING.steps_per_epoch
    at = [rising.momentum(step) for step in (0, steps // 4, steps // 2, steps, 2 * steps)]
    assert at == pytest.approx([0.9, 1 - 0.05 * (1 + math.sqrt(0.5)), 0.95, 1, 1])


def test_a_teacher_that_has_stopped_stays_what_it_is() -> None:
    term, encoder = distilling(momentum_epochs=1.0)
    before = [each.clone() for each in term.teacher.parameters()]
    with torch.no_grad():
        for mine in encoder.parameters():
            mine.add_(1.0)
    images = torch.ones(2, 2, 16, 16)
    told = encoder(images)
    at = Posterior(told.mu, told.logvar, told.mu, told.stages, told)
    term(Batch(images, SETTING.steps_per_epoch, images), at, NOTHING)
    assert all(map(torch.equal, before, term.teacher.parameters()))
    term(Batch(images, 0, images), at, NOTHING)
    assert not any(map(torch.equal, before, term.teacher.parameters()))


def test_the_teacher_follows_in_training_alone_and_learns_nothing() -> None:
    term, encoder = distilling(momentum=0.75, centre_momentum=0.5)
    with torch.no_grad():
        for mine in encoder.parameters():
            mine.fill_(0.5)
        for own in term.teacher.parameters():
            own.fill_(0.25)
    images = torch.ones(2, 2, 16, 16)
    seen = Batch(images, other=images)
    told = encoder(images)
    at = Posterior(told.mu, told.logvar, told.mu, told.stages, told)
    term.eval()
    term(seen, at, NOTHING)
    assert all(float(each.min()) == 0.25 for each in term.teacher.parameters())
    assert term.centre.tolist() == [0, 0]
    term.train()
    term(seen, at, NOTHING).mean().backward()
    assert all(float(each.max()) == 0.25 * 0.75 + 0.5 * 0.25 for each in term.teacher.parameters())
    # both features are alike, so that each cosine is √½, half of which the centre takes
    assert term.centre.tolist() == pytest.approx([math.sqrt(0.5) / 2] * 2)
    assert all(each.grad is None for each in term.teacher.parameters())
    assert any(each.grad is not None for each in encoder.parameters())
    with pytest.raises(TrainingError, match="one view"):
        term(Batch(images), at, NOTHING)


def test_cells_of_no_class_cost_nothing_and_the_others_what_a_guess_costs() -> None:
    options = ObjectiveOptions(terms=("compounds",), weakly_supervised=True)
    term = CompoundTerm(options, replace(SETTING, classes=4))
    term.classifier.weight.data.zero_()
    term.classifier.bias.data = torch.tensor([0.0, 0.0, 0.0, math.log(5)])
    told = posterior(torch.zeros(3, 6))
    seen = Batch(torch.zeros(3, 2, 16, 16), classes=torch.tensor([3, -1, 0]))
    loss = term(seen, told, NOTHING)
    # of 8 parts the last class has 5, others 1 each; two of three cells have a class
    assert loss.tolist() == pytest.approx([1.5 * math.log(8 / 5), 0, 1.5 * math.log(8)])
    none = Batch(torch.zeros(3, 2, 16, 16), classes=torch.full((3,), -1))
    assert term(none, told, NOTHING).tolist() == [0, 0, 0]
    with pytest.raises(TrainingError, match="no classes"):
        term(batch(3), told, NOTHING)


def test_labels_are_refused_unless_the_run_says_that_it_is_weakly_supervised() -> None:
    with pytest.raises(UsageError, match="label-free"):
        Objective(ObjectiveOptions(terms=("compounds",)), replace(SETTING, classes=4))
    with pytest.raises(UsageError, match="no term learns from labels"):
        Objective(ObjectiveOptions(weakly_supervised=True), SETTING)
    with pytest.raises(UsageError, match="1 classes of treatment"):
        CompoundTerm(
            ObjectiveOptions(terms=("compounds",), weakly_supervised=True),
            replace(SETTING, classes=1),
        )
    assert ObjectiveOptions().labels == "none"


def test_classes_are_those_of_the_training_cells_alone() -> None:
    groups = np.array([7, 3, 9, -1, 7, 5])
    classes, count = learned_classes(groups, np.array([0, 2, 3, 4]))
    assert (classes.tolist(), count) == ([0, -1, 1, -1, 0, -1], 2)
    nothing, count = learned_classes(groups, np.array([3]))
    assert (nothing.tolist(), count) == ([-1] * 6, 0)


@pytest.mark.parametrize("name", sorted(set(TERMS) - {"reconstruction", "kl"}))
def test_every_term_trains_resumes_and_ends_in_the_same_bytes(
    name: str,
    toy: ModuleType,
    trained: Callable[..., Summary],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    recipe = toy.recipe(
        objective={
            "terms": ("reconstruction", "kl", name),
            "discriminator": {"delay": 1, "rise": 2},
            "weakly_supervised": name == "compounds",
        },
        train={"epochs": 2},
        model={
            "norm": "batch",
            "channels": "apart",
            "codes": {"count": 5 if name == "commitment" else 0, "parts": 2},
        },
    )
    wells = torch.arange(64).numpy() // 4
    named = {"wells": wells, "per_well": 2}
    if name == "compounds":
        named["groups"] = wells % 3
    whole, broken = (tmp_path_factory.mktemp(each) for each in ("whole", "broken"))
    trained(whole, recipe, **named)
    with pytest.raises(KeyboardInterrupt):
        trained(broken, recipe, toy.Interrupting(4), **named)
    trained(broken, recipe, **named)
    assert toy.hash_of(broken) == toy.hash_of(whole)
