"""Self-distillation without labels: DINO (Caron et al. 2021), without its crops of two sizes."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from phenovae.base.errors import TrainingError
from phenovae.vae.agreement import mean_over_processes
from phenovae.vae.encoders import Encoder
from phenovae.vae.model import Batch, Posterior, Reconstruction
from phenovae.vae.options import DistillationOptions, ObjectiveOptions
from phenovae.vae.terms.term import Setting


class Head(nn.Module):
    """Pooled features to likenesses (n, prototype), each the cosine with a learned direction."""

    def __init__(self, features: int, options: DistillationOptions) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, options.hidden),
            nn.GELU(),
            nn.Linear(options.hidden, options.hidden),
            nn.GELU(),
            nn.Linear(options.hidden, options.width),
        )
        self.prototypes = nn.Parameter(torch.randn(options.prototypes, options.width))

    def forward(self, features: Tensor) -> Tensor:
        """Cosines (n, prototype)."""
        seen = normalize(self.layers(features), dim=1)
        cosines: Tensor = linear(seen, normalize(self.prototypes, dim=1))
        return cosines


class DistillationTerm(nn.Module):
    """A student foretells what a teacher makes of the other view of the cell.

    The student is the model's encoder with a head; the teacher is the running mean of both, and
    learns nothing itself. That its answers are centred keeps them from all being one prototype,
    that they are sharp from all being even: a loss that stays at the logarithm of the number of
    prototypes says that they are even. The teacher, its head and the centre are saved with the
    term.
    """

    sees_twice = True
    centre: Tensor

    def __init__(self, options: ObjectiveOptions, setting: Setting) -> None:
        super().__init__()
        if setting.encoder is None:
            raise TrainingError("the term `distillation` was given no encoder")
        self.options = options.distillation
        self.steps_per_epoch = setting.steps_per_epoch
        self.head = Head(setting.stages[-1], self.options)
        # No module of this term: the student's weights are the model's.
        self._student = (setting.encoder,)
        self.teacher: Encoder = copy.deepcopy(setting.encoder).requires_grad_(requires_grad=False)
        self.teacher_head = copy.deepcopy(self.head).requires_grad_(requires_grad=False)
        self.register_buffer("centre", torch.zeros(self.options.prototypes))

    def weight(self, step: int) -> float:
        """As the options say, at every step."""
        del step
        return self.options.weight

    def momentum(self, step: int) -> float:
        """The share of the teacher's weights that a step, from 0, keeps."""
        steps = self.options.momentum_epochs * self.steps_per_epoch
        if not steps:
            return self.options.momentum
        left = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
        return 1 - (1 - self.options.momentum) * left

    def forward(self, batch: Batch, posterior: Posterior, reconstruction: Reconstruction) -> Tensor:
        """Cross-entropy (n,) [nats] of the teacher's answers and the student's, both directions.

        In training the teacher first moves towards the student, and its centre towards its
        answers after. Raises TrainingError where there is no second view.
        """
        del reconstruction
        if batch.other is None or posterior.other is None:
            raise TrainingError("a term that compares two views was given one view")
        if self.training:
            self._follow(1 - self.momentum(batch.step))
        seen = torch.cat([posterior.stages[-1], posterior.other.stages[-1]])
        said = (self.head(seen).float() / self.options.student_temperature).log_softmax(dim=1)
        with torch.no_grad():
            both = torch.cat([batch.images, batch.other])
            answers = self.teacher_head(self.teacher(both).stages[-1]).float()
            sharp = ((answers - self.centre) / self.options.teacher_temperature).softmax(dim=1)
            if self.training:
                mean = mean_over_processes(answers.mean(dim=0))
                self.centre.lerp_(mean, 1 - self.options.centre_momentum)
        of_other = torch.cat(sharp.chunk(2)[::-1])
        loss: Tensor = -(of_other * said).sum(dim=1).reshape(2, -1).mean(dim=0)
        return loss

    @torch.no_grad()
    def _follow(self, share: float) -> None:
        """Move the teacher's weights by a share to the student's; it has statistics of its own."""
        (student,) = self._student
        for teaching, learning in ((self.teacher, student), (self.teacher_head, self.head)):
            for one, other in zip(teaching.parameters(), learning.parameters(), strict=True):
                one.lerp_(other, share)
