"""One step of training: forward, losses, a descent for each optimiser; all draws from the seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from phenovae.base.seeds import integer
from phenovae.vae.augment import augment, own_part
from phenovae.vae.data import Pixels, Rows
from phenovae.vae.model import VAE, Batch, Output, Posterior, Reconstruction, told_by
from phenovae.vae.objectives import MODEL, Objective, weighted
from phenovae.vae.options import AugmentOptions, TrainOptions
from phenovae.vae.plates import partly_untold
from phenovae.vae.terms.term import Optimised, Trained
from phenovae.vae.validation import to_device
from phenovae.vae.watch import non_finite, non_finite_gradient


class Stepper:
    """Model, objective and optimisers on their device, and how one batch changes them.

    `optimisers` has one for the model and one for every term with parameters of its own, by name.
    `untold` is the share of cells that are decoded without their plate.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: VAE,
        objective: Objective,
        train: TrainOptions,
        augmentation: AugmentOptions,
        steps_in_all: int,
        seed: int,
        untold: float = 0.0,
    ) -> None:
        self.fabric = fabric
        self.model = model
        self.objective = objective
        self.options = train
        self.augmentation = augmentation
        self.steps_in_all = steps_in_all
        self.seed = seed
        self.untold = untold
        self.share = (fabric.global_rank, fabric.world_size)
        self.parameters = {MODEL: [each for each in model.parameters() if each.requires_grad]}
        self.modules: dict[str, nn.Module] = {MODEL: model}
        for name, module in objective.modules_of_terms.items():
            self.modules[name] = module
            own = [each for each in module.parameters() if each.requires_grad]
            if isinstance(module, Trained) and own:
                self.parameters[name] = own
            else:
                self.parameters[MODEL] += own
        self.optimisers: dict[str, Optimizer] = {
            name: module.make_optimiser(self.parameters[name])
            if isinstance(module := self.modules[name], Optimised)
            else _optimiser(parameters, train)
            for name, parameters in self.parameters.items()
        }
        self.rates = {
            name: [float(group["lr"]) for group in optimiser.param_groups]
            for name, optimiser in self.optimisers.items()
        }
        objective.to(fabric.device)
        seen = cast("nn.Module", torch.compile(model)) if train.compile else model
        self._forward, *self._wrapped = fabric.setup(seen, *self.optimisers.values())

    def forward(
        self,
        images: Tensor,
        noise: Tensor,
        other: Tensor | None = None,
        told: Tensor | None = None,
        hidden: Tensor | None = None,
    ) -> Output:
        """The model's pass on its device and in its precision."""
        if not self.model.training and (self.fabric.world_size > 1 or self.options.compile):
            # The wrapped model would wait for all processes, and some have a batch less to measure;
            # compiled it would be compiled once more for every size of a batch.
            with self.fabric.autocast():
                return cast("Output", self.model(images, noise, other, told, hidden))
        return cast("Output", self._forward(images, noise, other, told, hidden))

    def learning_rate(self, step: int) -> float:
        """The model's learning rate at a step."""
        return self.options.learning_rate * self._share(step)

    def _share(self, step: int) -> float:
        if self.options.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps_in_all)))
        return 1.0

    def step(
        self,
        pixels: Pixels | Tensor,
        names: Callable[[], list[str]],
        step: int,
        epoch: int,
        wells: Rows | None = None,
        plates: Rows | None = None,
        fresh: Pixels | Tensor | None = None,
        classes: Rows | None = None,
        told: Rows | None = None,
    ) -> dict[str, float]:
        """Descend once on images (n, channel, height, width); figures of the batch [nats a cell].

        `wells` and `plates` number those of each cell (n,), where they are known; `fresh` are
        images of other cells, where the objective asks for some; `classes` (n,) are those of a
        weakly supervised training; `told` the codes of the plates, for a decoder that is told.

        Raises TrainingError where a loss or a gradient is not finite, naming the terms; the model
        has not changed then, unless the gradient is that of a term's own parameters.
        """
        batch = self._batch(pixels, fresh, step, wells, plates, classes, told)
        images = batch.images
        noise = torch.randn(
            (self.share[1] * len(images), self.model.latent),
            generator=self._random("posterior", step),
        )
        noise = own_part(noise, self.share).to(self.fabric.device)
        output = self.forward(images, noise, batch.other, batch.told, batch.hidden)
        posterior, reconstruction = told_by(output)
        with self.fabric.autocast():
            losses = self.objective(batch, posterior, reconstruction)
        weights = self.objective.weights(step)
        loss = weighted(losses, weights)
        figures = self._figures(loss, losses, posterior, reconstruction)
        if not math.isfinite(figures["loss"]):
            sick = [name for name in losses if not math.isfinite(weights[name] * figures[name])]
            raise non_finite(losses, sick, images, names(), step, epoch)
        norm = self._descend(MODEL, loss, step)
        if not math.isfinite(norm):
            sick = self._sick_gradients(batch, noise, weights)
            raise non_finite_gradient(sick, names(), step, epoch)
        own = self._descend_terms(batch, output, step) if len(self.optimisers) > 1 else {}
        if sick := [name for name, each in own.items() if not math.isfinite(each)]:
            raise non_finite_gradient(sick, names(), step, epoch, own=True)
        figures["gradient"] = norm + sum(own.values())
        return figures

    def changed(self, images: Tensor, random: torch.Generator) -> Tensor:
        """A view of images, changed as the options say."""
        return self._changed(images, random, (0, 1))

    def _changed(self, images: Tensor, random: torch.Generator, share: tuple[int, int]) -> Tensor:
        view = augment(images, self.augmentation, random, share)
        return view.contiguous(memory_format=torch.channels_last)

    def _batch(
        self,
        pixels: Pixels | Tensor,
        fresh: Pixels | Tensor | None,
        step: int,
        wells: Rows | None,
        plates: Rows | None,
        classes: Rows | None,
        told: Rows | None,
    ) -> Batch:
        device = self.fabric.device

        def changed(images: Pixels | Tensor, purpose: str) -> Tensor:
            random = self._random(purpose, step)
            return self._changed(to_device(images, device), random, self.share)

        whole = self.share[1] * len(pixels)
        hidden = self.objective.hidden(whole, self._random("hidden", step))
        return Batch(
            changed(pixels, "augment"),
            step,
            changed(pixels, "augment again") if self.objective.sees_twice else None,
            None if fresh is None else changed(fresh, "augment fresh"),
            None if wells is None else torch.from_numpy(wells).to(device),
            None if plates is None else torch.from_numpy(plates).to(device),
            None if classes is None else torch.from_numpy(classes).to(device),
            None if told is None else self._partly_told(told, step),
            None if hidden is None else own_part(hidden, self.share).to(device),
        )

    def _partly_told(self, codes: Rows, step: int) -> Tensor:
        random = self._random("plates", step)
        numbers = torch.from_numpy(codes).to(self.fabric.device)
        return partly_untold(numbers, self.untold, random, self.share)

    def _descend_terms(self, batch: Batch, output: Output, step: int) -> dict[str, float]:
        posterior, reconstruction = told_by(output.detached())
        with self.fabric.autocast():
            own = self.objective.own_losses(batch, posterior, reconstruction)
        return {name: self._descend(name, loss.mean(), step) for name, loss in own.items()}

    def _sick_gradients(
        self, batch: Batch, noise: Tensor, weights: Mapping[str, float]
    ) -> list[str]:
        """Terms whose gradient alone is not finite, found by going through the batch again."""
        # Not by the wrapped model: between processes that would wait for a descent.
        with self.fabric.autocast():
            output = self.model(batch.images, noise, batch.other, batch.told, batch.hidden)
            losses = self.objective(batch, *told_by(output))
        sick = torch.zeros(len(losses), device=self.fabric.device)
        for place, (name, loss) in enumerate(losses.items()):
            if loss.requires_grad:
                found = torch.autograd.grad(
                    weights[name] * loss.mean(),
                    self.parameters[MODEL],
                    retain_graph=True,
                    materialize_grads=True,
                )
                sick[place] = any(not torch.isfinite(each).all() for each in found)
        if self.fabric.world_size > 1:
            sick = cast("Tensor", self.fabric.all_reduce(sick, reduce_op="sum"))
        return [name for name, each in zip(losses, sick.tolist(), strict=True) if each]

    def _descend(self, name: str, loss: Tensor, step: int) -> float:
        """One optimiser's step, unless the gradient is no number; its norm for each pixel value."""
        optimiser, parameters = self.optimisers[name], self.parameters[name]
        for group, rate in zip(optimiser.param_groups, self.rates[name], strict=True):
            group["lr"] = rate * self._share(step)
        optimiser.zero_grad(set_to_none=True)
        if len(self.optimisers) > 1:
            self.fabric.backward(loss, inputs=parameters)
        else:
            self.fabric.backward(loss)
        limit = self.options.clip * self.model.dimensions if self.options.clip else math.inf
        self._share_gradients(parameters)
        norm = float(nn.utils.clip_grad_norm_(parameters, limit))
        if math.isfinite(norm):
            self._wrapped[list(self.optimisers).index(name)].step()
        return norm / self.model.dimensions

    def _share_gradients(self, parameters: list[nn.Parameter]) -> None:
        """Average over processes what the wrapped model does not: gradients of terms."""
        if self.fabric.world_size == 1:
            return
        of_model = {id(each) for each in self.model.parameters()}
        for each in parameters:
            if id(each) not in of_model and each.grad is not None:
                each.grad = cast("Tensor", self.fabric.all_reduce(each.grad, reduce_op="mean"))

    def share_statistics(self) -> None:
        """Average over processes what their modules have counted of their batches."""
        if self.fabric.world_size == 1:
            return
        for module in self.modules.values():
            kept = module.state_dict()
            for name, each in module.named_buffers():
                if name in kept and each.is_floating_point():
                    each.copy_(cast("Tensor", self.fabric.all_reduce(each, reduce_op="mean")))

    def _figures(
        self,
        loss: Tensor,
        losses: dict[str, Tensor],
        posterior: Posterior,
        reconstruction: Reconstruction,
    ) -> dict[str, float]:
        nll, kl = reconstruction.nll.mean(), posterior.kl.sum(dim=1).mean()
        parts = {"loss": loss, "elbo": -(nll + kl)}
        parts |= {name: each.mean() for name, each in losses.items()}
        values = torch.stack([part.detach() for part in parts.values()])
        if self.fabric.world_size > 1:
            values = cast("Tensor", self.fabric.all_reduce(values, reduce_op="mean"))
        return dict(zip(parts, values.tolist(), strict=True))

    def _random(self, purpose: str, step: int) -> torch.Generator:
        return torch.Generator().manual_seed(integer(self.seed, "train", purpose, step, 0))


def _optimiser(parameters: list[nn.Parameter], options: TrainOptions) -> Optimizer:
    """AdamW that decays weights and leaves biases and σ alone."""
    weights = [each for each in parameters if each.ndim > 1]
    others = [each for each in parameters if each.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": options.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    # Fused: one pass over each tensor instead of eight, each of which all threads wait for.
    return AdamW(
        [group for group in groups if group["params"]], lr=options.learning_rate, fused=True
    )
