"""Pictures of cells and of the training, with the words that go with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from phenovae.figures import crops, curves, latents
from phenovae.figures.colours import bright, channel_inks
from phenovae.figures.drawing import CSS_INCH, RASTER_DPI, to_bytes
from phenovae.report.adaptive_svg import svg_address
from phenovae.report.content import ReportContent
from phenovae.report.facts import listed, plural


@dataclass(frozen=True)
class Picture:
    """An image as a data address, with words for who cannot see it, its caption and its key.

    `width` and `height` are in CSS pixels; `key` names channels with their colours.
    """

    address: str
    alt: str
    caption: str
    width: int
    height: int
    key: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Shown:
    """Pictures of a section, and sentences on those that are left out and why."""

    pictures: list[Picture]
    missing: list[str]


def picture(
    figure: Figure,
    alt: str,
    caption: str,
    *,
    raster: bool = False,
    photograph: bool = False,
    channels: tuple[str, ...] = (),
) -> Picture:
    """A figure as SVG; one of pixels keeps them as they are where the page is dark.

    The pixels of a photograph become JPEG.
    """
    drawn = to_bytes(figure, "svg", RASTER_DPI)
    address = svg_address(drawn, pixels=raster or photograph, photograph=photograph)
    width, height = (round(CSS_INCH * float(inches)) for inches in figure.get_size_inches())
    key = list(zip(channels, channel_inks(channels), strict=True))
    return Picture(address, alt, caption, width, height, key)


def cell_pictures(content: ReportContent) -> Shown:
    """Reconstructions and samples."""
    shown = content.pictures
    if shown is None or not len(shown.originals):
        return Shown([], ["There are no reconstructions: the model left no pictures."])
    unit = content.unit
    limits = bright(shown.originals.astype(float))
    count = min(crops.COLUMNS, len(shown.originals))
    validated = content.training.get("validated_on")
    held_out = "held-out " if isinstance(validated, int) and validated else ""
    wide = f", each {content.picture_um:.0f} µm wide" if content.picture_um else ""
    alone = (
        f" All channels together, then {', '.join(shown.channels)} alone."
        if len(shown.channels) > 1
        else ""
    )
    found = [
        picture(
            crops.reconstructions(shown.originals, shown.reconstructions, shown.channels),
            f"{plural(count, unit)}, each above what the model decodes from its latents",
            f"{plural(count, held_out + unit)}{wide}, and below each what the model makes of "
            f"the mean of its latents.{alone} Full brightness is the 99.7th percentile of a "
            f"channel over these originals; gamma {crops.GAMMA:g}.",
            raster=True,
            channels=shown.channels,
        )
    ]
    if not len(shown.samples):
        return Shown(found, ["There are no samples: the model left none."])
    sampled = min(2 * crops.COLUMNS, len(shown.samples))
    found.append(
        picture(
            crops.samples(shown.samples, shown.channels, limits),
            f"{plural(sampled, 'image')} that the model makes from random latents",
            f"{plural(sampled, 'sample')}: what the model makes of latents drawn from the prior, "
            f"as bright as the {unit}s above. Where they look less like {unit}s than the decoded "
            f"ones, the model describes {unit}s better than it invents them.",
            raster=True,
            channels=shown.channels,
        )
    )
    return Shown(found, [])


def flagged_pictures(content: ReportContent) -> Shown:
    """Contact sheet of crops that were left out."""
    flagged = content.flagged
    if flagged is None or not len(flagged.crops):
        text = (
            f"{plural(content.flagged_total, 'crop')} flagged; the configuration asks to show none."
            if content.flagged_total
            else "No crop was flagged."
        )
        return Shown([], [text])
    reasons = pd.Series(flagged.reasons).value_counts(sort=False).sort_index()
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    wide = f", each {content.crop_um:.0f} µm wide" if content.crop_um else ""
    return Shown(
        [
            picture(
                crops.contact_sheet(flagged.crops.astype(float), content.channels, flagged.reasons),
                f"contact sheet of {plural(len(flagged.crops), 'crop')} left out",
                f"{len(flagged.crops):,} of {flagged.total:,} crops that were left out ({told})"
                f"{wide}. Each channel of each crop is stretched to its own range, so that noise "
                "shows.",
                raster=True,
                channels=content.channels,
            )
        ],
        [],
    )


def training_pictures(content: ReportContent) -> Shown:
    """Curves of the training and the usage of the latents."""
    found, missing = [], []
    kept = content.summary.get("kept_epoch")
    if len(content.history):
        caption = "Training by epoch"
        counts = [
            f"{plural(count, content.unit)} {what}"
            for key, what in (("trained_on", "taught"), ("validated_on", "measured the ELBO"))
            if isinstance(count := content.training.get(key), int) and count
        ]
        caption += f" ({', '.join(counts)})." if counts else "."
        caption += " The loss is minus the ELBO where β is 1."
        if isinstance(kept, int):
            caption += (
                " The dotted line marks the epoch whose weights were kept, chosen by: "
                f"{content.summary.get('kept_by')}."
            )
        found.append(
            picture(
                curves.training_curves(content.history, kept if isinstance(kept, int) else None),
                "ELBO, KL and σ by epoch",
                caption,
            )
        )
    else:
        missing.append("There are no curves: no history of the training was recorded.")
    told = content.diagnostics
    kl, active = listed(told.get("kl_per_dimension")), told.get("active_units")
    if kl and isinstance(active, int):
        values = [float(value) for value in kl if isinstance(value, int | float)]
        found.append(
            picture(
                latents.latent_usage(values, _active(told, values, active)),
                f"KL of each of {len(values)} latent dimensions, largest first; {active} active",
                f"What each latent dimension carries, over {told.get('cells', 'unknown'):,} "
                f"{content.unit}s. "
                f"Active: {told.get('active_rule', 'by a rule that was not recorded')}.",
            )
        )
    else:
        missing.append("The usage of the latents was not recorded.")
    return Shown(found, missing)


def _active(told: Mapping[str, object], kl: list[float], active: int) -> list[bool]:
    """Which dimensions are active: those whose means vary most, for the rule is a threshold."""
    variance = listed(told.get("variance_of_mean"))
    by = np.asarray(variance if len(variance) == len(kl) else kl, dtype=float)
    chosen = np.zeros(len(kl), dtype=bool)
    chosen[np.argsort(-by, kind="stable")[:active]] = True
    return [bool(each) for each in chosen]
