"""Options of the objective: its terms, and what each of them takes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phenovae.base.options import Options

WELLS = "wells"
"""The term that is told which cells share a well."""


class ProjectionOptions(Options):
    """A term that compares projections of two views."""

    weight: float = Field(1000.0, ge=0, description="weight of the term [nats a unit of its loss]")
    hidden: int = Field(256, ge=1, description="hidden units of the projection")
    width: int = Field(128, ge=1, description="dimensions that cells are compared in")


class ContrastOptions(ProjectionOptions):
    """A contrast between the cells of a batch."""

    temperature: float = Field(
        0.2, gt=0, description="what cosines are divided by: lower looks at the nearest alone"
    )


class VarianceOptions(ProjectionOptions):
    """Likeness of two views, variance and covariance of what they are projected to."""

    weight: float = Field(20.0, ge=0, description="weight of the term [nats a unit of its loss]")
    likeness: float = Field(25.0, ge=0, description="weight of the likeness of the views")
    variance: float = Field(25.0, ge=0, description="weight of the dimensions' variance")
    covariance: float = Field(1.0, ge=0, description="weight of the dimensions' covariance")


class MMDOptions(Options):
    """Discrepancy between the draws of z and the prior."""

    weight: float = Field(1000.0, ge=0, description="weight of the term [nats a unit of its loss]")


class TotalCorrelationOptions(Options):
    """Dependence between the dimensions of the latent space."""

    weight: float = Field(1.0, ge=0, description="weight of the term; the paper's β less 1")


class DistillationOptions(Options):
    """A student that foretells a teacher's answers to the other view."""

    weight: float = Field(1000.0, ge=0, description="weight of the term [nats a unit of its loss]")
    hidden: int = Field(256, ge=1, description="units of the head's two hidden layers")
    width: int = Field(128, ge=1, description="dimensions that prototypes are directions of")
    prototypes: int = Field(1024, ge=2, description="prototypes that a cell is likened to")
    student_temperature: float = Field(
        0.1, gt=0, description="what the student's cosines are divided by"
    )
    teacher_temperature: float = Field(
        0.04, gt=0, description="what the teacher's are divided by: lower is sharper"
    )
    momentum: float = Field(
        0.99, ge=0, lt=1, description="share of the teacher's weights that a step keeps"
    )
    momentum_epochs: float = Field(
        0.0,
        ge=0,
        description="the momentum rises from there to 1 along half a cosine over these [epochs]; "
        "0: it stays",
    )
    centre_momentum: float = Field(
        0.9, ge=0, lt=1, description="share of the centre of the answers that a step keeps"
    )


class CompoundOptions(Options):
    """A classifier of what cells were treated with: the weakly supervised track."""

    weight: float = Field(1000.0, ge=0, description="weight of the term [nats a unit of its loss]")
    by: Literal["treatment", "compound"] = Field(
        "treatment", description="classes: compound and concentration, or the compound alone"
    )
    controls: Literal["class", "left-out"] = Field(
        "class",
        description="class: negative controls are one class; left-out: they are not classified",
    )


class PerceptualOptions(Options):
    """Likeness in the encoder's own features."""

    weight: float = Field(
        1.0, ge=0, description="weight of the term; 1: as the likelihood of a learned σ"
    )


class ScatteringOptions(Options):
    """Likeness in a wavelet scattering transform."""

    weight: float = Field(
        1.0, ge=0, description="weight of the term; 1: as the likelihood of a learned σ"
    )
    scales: int = Field(
        3, ge=1, le=6, description="octaves of wavelets; 2^scales must divide the view's size"
    )
    angles: int = Field(4, ge=1, le=16, description="directions of wavelets in a half turn")


class CommitmentOptions(Options):
    """Nearness of what the encoder says to the codes that stand for it."""

    weight: float = Field(
        0.25, ge=0, description="weight of the term; the β of the paper, for each value of an image"
    )


class MaskedOptions(Options):
    """Reconstruction of what the encoder was not shown."""

    weight: float = Field(
        1.0, ge=0, description="weight of the term; 1: hidden pixels cost as a whole image would"
    )
    share: float = Field(0.5, gt=0, lt=1, description="share of the patches that is hidden")
    patch: int = Field(8, ge=1, description="side of a patch; it must divide the view's size [px]")


class DiscriminatorOptions(Options):
    """The discriminator of VAE+ and the weights of its stages."""

    norm: Literal["none", "batch"] = Field(
        "batch", description="batch: batch normalisation after every convolution"
    )
    delay: float = Field(
        2500.0, ge=0, description="a stage begins after its number, from 1, times so many [steps]"
    )
    rise: float = Field(
        2500.0, gt=0, description="the weight of a stage rises from 0 to 1 over these [steps]"
    )
    scaled: bool = Field(
        default=True,
        description="half the mean squared difference of a stage counts for every value of an "
        "image; false: half the sum of squared differences of its maps",
    )
    real: Literal["fresh", "halves"] = Field(
        "fresh",
        description="fresh: images of cells that were drawn apart from those that are rebuilt; "
        "halves: images of one half of the batch, reconstructions of the other",
    )
    learning_rate: float = Field(0.01, gt=0, description="learning rate of the discriminator")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of the discriminator")


class ObjectiveOptions(Options):
    """What training minimises: a sum of weighted terms."""

    terms: tuple[str, ...] = Field(
        ("reconstruction", "kl"), description="terms of the loss, by name"
    )
    weakly_supervised: bool = Field(
        default=False,
        description="whether labels of compounds may be learned from, by the term compounds: a "
        "track of its own, and named so with every score",
    )
    beta: float = Field(1.0, ge=0, description="weight of the KL term (β-VAE); 1 is the ELBO")
    kl_warmup_epochs: float = Field(
        0.0, ge=0, description="the weight of the KL term grows from 0 to β over these [epochs]"
    )
    free_bits: float = Field(
        0.0,
        ge=0,
        description="KL of a latent dimension below which it costs no more [nats a dimension]",
    )
    discriminator: DiscriminatorOptions = Field(
        default_factory=lambda: DiscriminatorOptions(),
        description="images and reconstructions look alike to a discriminator (VAE+)",
    )
    perceptual: PerceptualOptions = Field(
        default_factory=lambda: PerceptualOptions(),
        description="images and reconstructions look alike to the encoder, held still",
    )
    scattering: ScatteringOptions = Field(
        default_factory=lambda: ScatteringOptions(),
        description="images and reconstructions have like textures, by a wavelet scattering",
    )
    masked: MaskedOptions = Field(
        default_factory=lambda: MaskedOptions(),
        description="patches that the encoder was not shown are rebuilt",
    )
    commitment: CommitmentOptions = Field(
        default_factory=lambda: CommitmentOptions(),
        description="the encoder stays near the codes of a quantised latent space (VQ-VAE)",
    )
    mmd: MMDOptions = Field(
        default_factory=lambda: MMDOptions(),
        description="all draws of z together are like the prior (InfoVAE)",
    )
    total_correlation: TotalCorrelationOptions = Field(
        default_factory=lambda: TotalCorrelationOptions(),
        description="dimensions of z are independent (β-TC-VAE)",
    )
    variance: VarianceOptions = Field(
        default_factory=lambda: VarianceOptions(),
        description="two changed views of a cell are alike, dimensions vary and do not covary "
        "(VICReg)",
    )
    views: ContrastOptions = Field(
        default_factory=lambda: ContrastOptions(),
        description="two changed views of a cell are told among those of other cells",
    )
    wells: ContrastOptions = Field(
        default_factory=lambda: ContrastOptions(),
        description="cells of one well are told among those of others",
    )
    distillation: DistillationOptions = Field(
        default_factory=lambda: DistillationOptions(),
        description="a student foretells what a teacher, its running mean, makes of another view",
    )
    compounds: CompoundOptions = Field(
        default_factory=lambda: CompoundOptions(),
        description="cells are classified by their treatment; weakly supervised",
    )

    @property
    def labels(self) -> Literal["none", "treatment", "compound"]:
        """The labels that training sees."""
        return self.compounds.by if self.weakly_supervised else "none"
