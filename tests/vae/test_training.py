from __future__ import annotations

import json
import logging
import math
import re
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from phenovae.base.errors import PhenovaeError, TrainingError, UsageError
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.model_files import Recipe, Summary, load_model, read_card
from phenovae.vae.objectives import TERMS
from phenovae.vae.options import ObjectiveOptions
from phenovae.vae.tensor_files import read_tensors
from phenovae.vae.terms.term import Setting

MakeRecipe = Callable[..., Recipe]


def _without_seconds(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "history.csv").drop(columns="seconds")


def test_a_training_leaves_weights_card_and_history(toy_folder: Path) -> None:
    names = {each.name for each in toy_folder.iterdir()}
    assert {"model.safetensors", "model.json", "history.csv", "checkpoints"} <= names
    history = pd.read_csv(toy_folder / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["step"].tolist() == [3, 6, 9]
    for side in ("train", "validation"):
        parts = history[f"{side}_reconstruction"] + history[f"{side}_kl"]
        assert history[f"{side}_loss"].to_numpy() == pytest.approx(parts.to_numpy())
        assert history[f"{side}_elbo"].to_numpy() == pytest.approx(-parts.to_numpy())
    bits = history["validation_elbo"] / (-2 * 16 * 16 * np.log(2))
    assert history["validation_bits"].to_numpy() == pytest.approx(bits.to_numpy())
    card = read_card(toy_folder)
    assert card.channels == ("DAPI", "Actin")
    assert card.summary.elbo == pytest.approx(history["validation_elbo"].max())
    assert card.summary.kept_by == "validation ELBO"


def test_training_lowers_the_loss(
    toy_recipe: MakeRecipe, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path, toy_recipe(train={"epochs": 12, "learning_rate": 3e-3}))
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["validation_loss"].iloc[-1] < history["validation_loss"].iloc[0] - 100


def test_one_seed_gives_the_same_bytes_and_another_seed_others(
    toy: ModuleType, toy_folder: Path, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path / "again", toy.recipe())
    trained(tmp_path / "other", toy.recipe(), seed=4)
    assert toy.hash_of(tmp_path / "again") == toy.hash_of(toy_folder)
    assert toy.hash_of(tmp_path / "other") != toy.hash_of(toy_folder)
    pd.testing.assert_frame_equal(
        _without_seconds(tmp_path / "again"), _without_seconds(toy_folder)
    )


def test_threads_that_read_and_checkpoint_spacing_change_nothing(
    toy: ModuleType, toy_folder: Path, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path, toy.recipe(train={"workers": 4, "checkpoint_steps": 100}))
    assert (tmp_path / "model.safetensors").read_bytes() == (
        toy_folder / "model.safetensors"
    ).read_bytes()


def test_no_global_state_is_left_changed(
    toy_recipe: MakeRecipe, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    random, numbers = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    handler = signal.getsignal(signal.SIGINT)
    threads = torch.get_num_threads()
    trained(tmp_path, toy_recipe())
    assert torch.equal(torch.get_rng_state(), random)
    assert str(np.random.get_state()) == str(numbers)  # noqa: NPY002
    assert signal.getsignal(signal.SIGINT) is handler
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("at", [1, 6])
def test_ctrl_c_leaves_a_checkpoint_that_is_gone_on_from_bit_for_bit(
    toy: ModuleType, toy_folder: Path, trained: Callable[..., Summary], tmp_path: Path, at: int
) -> None:
    recipe = toy.recipe(train={"checkpoint_steps": 1000})
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, recipe, toy.Interrupting(at))
    assert (tmp_path / "checkpoints" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "model.json").exists()
    trained(tmp_path, recipe)
    assert (tmp_path / "model.safetensors").read_bytes() == (
        toy_folder / "model.safetensors"
    ).read_bytes()


def test_more_epochs_go_on_from_a_finished_training(
    toy_folder: Path, toy_recipe: MakeRecipe, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path, toy_recipe(train={"epochs": 1}))
    summary = trained(tmp_path, toy_recipe())
    assert summary.epochs == 3
    assert (tmp_path / "model.safetensors").read_bytes() == (
        toy_folder / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    ("group", "values"),
    [("train", {"learning_rate": 1e-4}), ("model", {"latent": 3}), ("objective", {"beta": 2})],
)
def test_a_checkpoint_of_other_settings_is_not_gone_on_from(
    toy_recipe: MakeRecipe,
    trained: Callable[..., Summary],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    group: str,
    values: dict[str, object],
) -> None:
    trained(tmp_path, toy_recipe(train={"epochs": 1}))
    other = (
        toy_recipe(**{"train": {"epochs": 1}, group: {"epochs": 1, **values}})
        if (group == "train")
        else toy_recipe(train={"epochs": 1}, **{group: values})
    )
    trained(tmp_path, other)
    assert "starts anew" in caplog.text
    assert read_card(tmp_path).recipe == other


def test_without_resume_training_starts_anew(
    toy: ModuleType, toy_folder: Path, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path, toy.recipe(train={"epochs": 2}))
    trained(tmp_path, toy.recipe(), resume=False)
    assert toy.hash_of(tmp_path) == toy.hash_of(toy_folder)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    toy: ModuleType,
    toy_folder: Path,
    trained: Callable[..., Summary],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, toy.recipe(), toy.Interrupting(8))
    newest = tmp_path / "checkpoints" / "checkpoint.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    trained(tmp_path, toy.recipe())
    assert "damaged" in caplog.text
    assert toy.hash_of(tmp_path) == toy.hash_of(toy_folder)


def test_when_no_checkpoint_is_whole_the_error_says_how_to_start_anew(
    toy_recipe: MakeRecipe, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path, toy_recipe(train={"epochs": 1}))
    for path in (tmp_path / "checkpoints").glob("checkpoint*"):
        path.write_bytes(b"torn")
    with pytest.raises(TrainingError, match="no checkpoint") as caught:
        trained(tmp_path, toy_recipe(train={"epochs": 1}))
    assert "--no-resume" in str(caught.value)


def test_a_checkpoint_of_a_newer_format_is_refused(
    toy_recipe: MakeRecipe,
    trained: Callable[..., Summary],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("phenovae.vae.checkpoints.FORMAT", 2)
    trained(tmp_path, toy_recipe(train={"epochs": 1}))
    monkeypatch.undo()
    with pytest.raises(TrainingError, match="format 2"):
        trained(tmp_path, toy_recipe())


def test_nan_in_the_pixels_names_step_epoch_and_file(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    images = toy.ToyImages()
    images.pixels[17, 0, 3, 3] = np.nan
    with pytest.raises(TrainingError, match=r"images of step \d+ \(epoch 1\)") as caught:
        trained(tmp_path, toy.recipe(), images)
    assert caught.value.where == "cell_17.npy"


class Exploding(nn.Module):
    """A term that is no number for the second image of a batch from step 5 on."""

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__()
        self.step = 0

    def weight(self, step: int) -> float:
        self.step = step
        return 1.0

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        loss = posterior.mu.sum(dim=1) * 0
        loss[1] = torch.nan if self.step >= 4 else 0
        return loss


def test_a_loss_that_is_no_number_names_step_term_and_cells(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(objective={"terms": ("reconstruction", "kl", "exploding")})
    terms = {**TERMS, "exploding": Exploding}
    with pytest.raises(TrainingError, match=r"step 5 \(epoch 2\), in the term exploding") as caught:
        trained(tmp_path, recipe, terms=terms)
    assert "1 of 16 cells" in caught.value.what
    assert str(caught.value.where).startswith("cell_")
    note = read_tensors(tmp_path / "checkpoints" / "checkpoint.safetensors")[1]
    assert isinstance(note, dict)
    assert note["state"]["step"] == 4


class Sharp:
    """A term whose loss is 0 and whose gradient is no number: a root at 0."""

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        pass

    def weight(self, step: int) -> float:
        return 1.0

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        return (0 * reconstruction.mean.flatten(1)).square().sum(dim=1).sqrt()


class Constant(Sharp):
    """A term with no gradient at all."""

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        return torch.ones(len(batch.images))


class Endless(Sharp):
    """A term of infinite weight on a finite loss."""

    def weight(self, step: int) -> float:
        return math.inf

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        return reconstruction.mean.flatten(1).mean(dim=1)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (("kl", "sharp", "constant"), "gradient of the model.* in the term sharp$"),
        (("sharp", "kl", "sharper"), "gradient of the model.* in the terms sharp and sharper$"),
        (("exploding", "kl", "explosive"), "in the terms exploding and explosive, for 1 of 16"),
        (("kl", "endless"), "loss is not .* in the term endless$"),
    ],
)
def test_every_term_that_is_no_number_is_named(
    toy: ModuleType,
    trained: Callable[..., Summary],
    tmp_path: Path,
    terms: tuple[str, ...],
    said: str,
) -> None:
    makers = {
        **TERMS,
        "sharp": Sharp, "sharper": Sharp, "constant": Constant, "endless": Endless,
        "exploding": Exploding, "explosive": Exploding,
    }  # fmt: skip
    recipe = toy.recipe(objective={"terms": ("reconstruction", *terms)})
    with pytest.raises(TrainingError) as caught:
        trained(tmp_path, recipe, terms=makers)
    assert re.search(said, caught.value.what)
    assert str(caught.value.where).startswith("cell_")


class EdgeTerm:
    """Fewer bright means: a new idea, in a class of its own."""

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        self.steps = setting.steps_per_epoch

    def weight(self, step: int) -> float:
        return 0.5

    def __call__(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        return reconstruction.mean.mean(dim=(1, 2, 3))


def test_a_new_term_needs_nothing_but_its_class_and_name(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(objective={"terms": ("reconstruction", "kl", "edge")})
    trained(tmp_path, recipe, terms={**TERMS, "edge": EdgeTerm})
    history = pd.read_csv(tmp_path / "history.csv")
    wanted = history["train_reconstruction"] + history["train_kl"] + 0.5 * history["train_edge"]
    assert history["train_loss"].to_numpy() == pytest.approx(wanted.to_numpy())
    assert history["validation_edge"].between(0, 1).all()


class Critic(nn.Module):
    """A term trained beside the model: it scores images, the model lowers its score."""

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__()
        self.score = nn.Parameter(torch.zeros(2))

    def weight(self, step: int) -> float:
        return 1.0

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        return (reconstruction.mean.mean(dim=(2, 3)) * self.score).sum(dim=1)

    def own_loss(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        gap = batch.images.mean(dim=(2, 3)) - reconstruction.mean.mean(dim=(2, 3))
        return (gap * self.score).sum(dim=1) + self.score.square().sum()


class TornCritic(Critic):
    """A critic whose own loss is finite and has no finite gradient."""

    def own_loss(
        self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction
    ) -> Tensor:
        return (0 * self.score).square().sum().sqrt().expand(len(batch.images))


def test_a_gradient_of_a_terms_own_parameters_names_the_term(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(objective={"terms": ("reconstruction", "kl", "critic")})
    said = r"gradient of a term's own parameters .* step 0 .* in the term critic$"
    with pytest.raises(TrainingError) as caught:
        trained(tmp_path, recipe, terms={**TERMS, "critic": TornCritic})
    assert re.search(said, caught.value.what)


def test_a_term_with_parameters_has_an_optimiser_of_its_own_and_resumes(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(objective={"terms": ("reconstruction", "kl", "critic")})
    terms = {**TERMS, "critic": Critic}
    trained(tmp_path / "unbroken", recipe, terms=terms)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", recipe, toy.Interrupting(6), terms=terms)
    trained(tmp_path / "broken", recipe, terms=terms)
    assert toy.hash_of(tmp_path / "broken") == toy.hash_of(tmp_path / "unbroken")
    newest = Path("checkpoints") / "checkpoint.safetensors"
    one, _ = read_tensors(tmp_path / "unbroken" / newest)
    two, _ = read_tensors(tmp_path / "broken" / newest)
    assert one["module/critic/score"].abs().min() > 0
    assert "optimiser/critic/0/exp_avg" in one
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_collapsed_posterior_is_warned_of_once_with_the_remedy(
    toy_recipe: MakeRecipe,
    trained: Callable[..., Summary],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    recipe = toy_recipe(objective={"beta": 100.0}, train={"epochs": 5})
    summary = trained(tmp_path, recipe)
    said = [each for each in caplog.records if "posterior collapse" in each.message]
    assert len(said) == 1
    assert said[0].levelno == logging.WARNING
    for remedy in ("gaussian-learned", "kl_warmup_epochs", "free_bits", "beta"):
        assert remedy in said[0].message
    assert summary.collapsed
    assert pd.read_csv(tmp_path / "history.csv")["collapsed"].tolist() == [1] * 5


def test_patience_stops_and_keeps_the_best_epoch(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    recipe = toy.recipe(
        train={"epochs": 30, "patience": 2, "learning_rate": 0.5, "clip": 1.0},
    )
    summary = trained(tmp_path, recipe)
    history = pd.read_csv(tmp_path / "history.csv")
    best = int(history["validation_elbo"].to_numpy().argmax())
    assert summary.stopped_early
    assert summary.kept_epoch == best + 1
    assert len(history) == best + 3
    assert summary.elbo == pytest.approx(history["validation_elbo"].max())


def test_without_validation_cells_the_last_epoch_is_kept(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    summary = trained(tmp_path, toy.recipe(), validation=np.arange(0))
    history = pd.read_csv(tmp_path / "history.csv")
    assert (summary.kept_epoch, summary.kept_by) == (3, "last epoch")
    assert not any(name.startswith("validation") for name in history.columns)
    assert history["active_units"].notna().all()


def test_clipping_changes_the_steps_and_the_reported_norm_is_before_it(
    toy: ModuleType, toy_folder: Path, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path, toy.recipe(train={"clip": 1e-3}))
    clipped, free = (pd.read_csv(f / "history.csv") for f in (tmp_path, toy_folder))
    assert clipped["gradient_norm"].iloc[0] == pytest.approx(free["gradient_norm"].iloc[0], rel=0.3)
    assert clipped["train_loss"].iloc[2] != free["train_loss"].iloc[2]


def test_the_cosine_schedule_falls_to_zero(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    trained(tmp_path, toy.recipe(train={"schedule": "cosine", "epochs": 4}))
    rates = pd.read_csv(tmp_path / "history.csv")["learning_rate"]
    assert rates.is_monotonic_decreasing
    assert rates.iloc[-1] == pytest.approx(0.5e-3 * (1 + np.cos(np.pi * 11 / 12)))


def test_bfloat16_trains(toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path) -> None:
    summary = trained(tmp_path, toy.recipe(train={"precision": "bf16"}))
    assert np.isfinite(summary.elbo)
    weights, _ = read_tensors(tmp_path / "model.safetensors")
    assert {each.dtype for each in weights.values()} == {torch.float32}


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_an_error_and_no_fallback(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path, device: str
) -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.mps.is_available()}
    if there[device]:
        pytest.skip(f"this machine has {device}")
    with pytest.raises(UsageError, match=device):
        trained(tmp_path, toy.recipe(train={"device": device}))


def test_a_batch_that_devices_cannot_share_is_refused(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="cannot be shared"):
        trained(tmp_path, toy.recipe(train={"batch": 15, "devices": 2}))


def test_one_cell_trains(toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path) -> None:
    summary = trained(tmp_path, toy.recipe(), rows=np.arange(1), validation=np.arange(1, 2))
    assert summary.steps == 3


def test_no_cell_is_an_error(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no cell to train on"):
        trained(tmp_path, toy.recipe(), rows=np.arange(0))


def test_a_file_in_the_folders_place_is_an_error_with_a_mend(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    (tmp_path / "model").write_text("in the way", encoding="utf-8")
    with pytest.raises(PhenovaeError, match="cannot write"):
        trained(tmp_path / "model", toy.recipe())


def test_sampling_weights_are_obeyed(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    class Watched(toy.ToyImages):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[int] = []

        def images(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
            self.seen += rows.tolist()
            return self.pixels[rows]  # type: ignore[no-any-return]

    images = Watched()
    weights = np.zeros(48)
    weights[[4, 7]] = 1.0
    trained(tmp_path, toy.recipe(), images, weights=weights)
    assert set(images.seen) - set(toy.VALIDATION_ROWS.tolist()) == {4, 7}


def test_tensorboard_gets_every_epoch(
    toy: ModuleType, trained: Callable[..., Summary], tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    trained(tmp_path, toy.recipe(train={"tensorboard": True, "epochs": 1}))
    assert list((tmp_path / "tensorboard").glob("events*"))


def test_the_loaded_model_is_the_best_epochs(toy_folder: Path, toy: ModuleType) -> None:
    model = load_model(toy_folder)
    pixels = toy.ToyImages().pixels[:5]
    mu, logvar = model.encode(pixels)
    assert mu.shape == logvar.shape == (5, 4)
    assert model.reconstruct(pixels).shape == pixels.shape
    assert model.decode(mu).dtype == np.float32
    best, _ = read_tensors(toy_folder / "checkpoints" / "best.safetensors")
    kept, _ = read_tensors(toy_folder / "model.safetensors")
    assert all(torch.equal(best[name], kept[name]) for name in kept)


def test_the_card_is_readable_without_torch_and_says_what_was_done(toy_folder: Path) -> None:
    card = json.loads((toy_folder / "model.json").read_text(encoding="utf-8"))
    assert card["format"] == 1
    assert card["seed"] == 3
    assert card["recipe"]["model"]["latent"] == 4
    assert card["shape"] == [2, 16, 16]
