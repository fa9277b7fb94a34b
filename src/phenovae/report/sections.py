"""The figures and tables of a report, ready for its template."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from phenovae.base.errors import MissingExtraError
from phenovae.figures import confusion, crops, curves, latents, scores, treatments
from phenovae.figures.colours import bright
from phenovae.figures.drawing import to_bytes
from phenovae.report.content import ReportContent


@dataclass(frozen=True)
class Picture:
    """An image as a data address, with the words for who cannot see it, and its caption."""

    address: str
    alt: str
    caption: str


@dataclass(frozen=True)
class ScoreRow:
    """One score as text."""

    metric: str
    features: str
    protocol: str
    value: str
    interval: str
    chance: str
    p_value: str
    note: str
    model: bool


def picture(figure: Figure, alt: str, caption: str, *, raster: bool = False) -> Picture:
    """A figure as SVG, or as PNG where it holds pixels."""
    media = "image/png" if raster else "image/svg+xml"
    data = base64.b64encode(to_bytes(figure, "png" if raster else "svg")).decode("ascii")
    return Picture(f"data:{media};base64,{data}", alt, caption)


def cell_pictures(content: ReportContent) -> list[Picture]:
    """Reconstructions and samples."""
    shown = content.pictures
    if shown is None or not len(shown.originals):
        return []
    limits = bright(shown.originals.astype(float))
    key = ", ".join(shown.channels)
    count = min(12, len(shown.originals))
    return [
        picture(
            crops.reconstructions(shown.originals, shown.reconstructions, shown.channels),
            f"{count} cells above what the model decodes from their posterior means",
            f"{count} held-out cells and what the model keeps of them: all channels together, then "
            f"{key} one by one, each pair with the same limits.",
            raster=True,
        ),
        picture(
            crops.samples(shown.samples, shown.channels, limits),
            "cells that the model makes from random latents",
            "What the model makes of latents drawn from the prior, with the limits of the cells "
            "above.",
            raster=True,
        ),
    ]


def flagged_picture(content: ReportContent) -> Picture | None:
    """Contact sheet of crops that were left out."""
    flagged = content.flagged
    if flagged is None or not len(flagged.crops):
        return None
    reasons = pd.Series(flagged.reasons).value_counts()
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    return picture(
        crops.contact_sheet(flagged.crops.astype(float), content.channels),
        f"contact sheet of {len(flagged.crops)} crops that were left out",
        f"{len(flagged.crops)} of {flagged.total} crops that were left out ({told}); each channel "
        "scaled by itself, so that noise shows.",
        raster=True,
    )


def training_pictures(content: ReportContent) -> list[Picture]:
    """Curves of the training and the usage of the latents."""
    found: list[Picture] = []
    kept = content.summary.get("kept_epoch")
    if len(content.history):
        found.append(
            picture(
                curves.training_curves(content.history, kept if isinstance(kept, int) else None),
                "ELBO, KL and σ by epoch",
                "Training by epoch. The dotted line marks the epoch whose weights were kept"
                + (f" ({content.summary.get('kept_by')})." if content.summary else "."),
            )
        )
    kl = content.diagnostics.get("kl_per_dimension")
    active = content.diagnostics.get("active_units")
    if isinstance(kl, list) and kl and isinstance(active, int):
        found.append(
            picture(
                latents.latent_usage([float(value) for value in kl], active),
                "KL of each latent dimension, largest first",
                f"What each latent dimension carries, over {content.diagnostics.get('cells')} "
                f"cells. Active: {content.diagnostics.get('active_rule')}.",
            )
        )
    return found


def treatment_pictures(content: ReportContent, seed: int) -> list[Picture]:
    """Treatments in the plane, by mechanism and by batch."""
    profiles = content.profiles
    if len(profiles) < 3:
        return []
    label = str(profiles["Profile_Protocol"].iloc[0])
    here = profiles.loc[profiles["Profile_Protocol"] == label]
    values = here.filter(regex=r"^f_\d+$").to_numpy(dtype=float)
    mechanisms = here["Metadata_MoA"].astype(str).tolist()
    batches = [
        text if "|" not in text else "several" for text in here["Metadata_Batch"].astype(str)
    ]
    cells = int(here["Profile_Cells"].sum())
    behind = f"{len(here)} treatments, {cells:,} cells, profiles by {label}"
    plane, shares = treatments.principal_plane(values)
    axes = tuple(f"component {n + 1} ({100 * share:.0f} %)" for n, share in enumerate(shares))
    found = [
        picture(
            treatments.treatment_map(plane, groups, (axes[0], axes[1]), what),
            f"principal components of treatment profiles, marked by {what}",
            f"Principal components of treatment profiles of unit length, by {what}. {behind}.",
        )
        for what, groups in (("mechanism", mechanisms), ("batch", batches))
    ]
    if content.umap and len(here) > 5:
        try:
            flat = treatments.umap_plane(values, seed)
        except MissingExtraError:
            return found
        found.append(
            picture(
                treatments.treatment_map(flat, mechanisms, ("UMAP 1", "UMAP 2"), "mechanism"),
                "UMAP of treatment profiles, marked by mechanism",
                f"UMAP of the same profiles by cosine. {behind}. Distances between far groups "
                "mean little.",
            )
        )
    return found


def confusion_picture(content: ReportContent) -> Picture | None:
    """Confusion of mechanisms under the first protocol's NSC."""
    for name, split in content.confusions.items():
        if name.endswith(" NSC"):
            data, index = split.get("data"), split.get("index")
            if isinstance(data, list) and isinstance(index, list):
                table = pd.DataFrame(data, index=index, columns=index)
                return picture(
                    confusion.confusion_matrix(table),
                    "treatments by their mechanism and their nearest neighbour's",
                    f"Treatments by their mechanism and their nearest neighbour's: "
                    f"{int(np.asarray(data).sum())} treatments, {name}.",
                )
    return None


def score_picture(content: ReportContent) -> Picture | None:
    """All scores with intervals."""
    scored = [r for r in content.records if isinstance(r.get("value"), int | float)]
    if not scored:
        return None
    return picture(
        scores.score_intervals(scored),
        "scores with their intervals, model and baselines",
        "Shares right, with 95 % intervals over compounds. Rows of different protocols are "
        "different quantities.",
    )


def score_rows(records: Sequence[Mapping[str, object]]) -> list[ScoreRow]:
    """Every score as a row of text."""
    return [_score_row(record) for record in records]


def _score_row(record: Mapping[str, object]) -> ScoreRow:
    value, low, high = record.get("value"), record.get("low"), record.get("high")
    scored = isinstance(value, int | float)
    probe = record["metric"] == "probe"
    if isinstance(value, int | float):
        correct = record.get("correct")
        shown = f"{value:.3f}" if probe else f"{correct:g}/{record['total']} = {100 * value:.1f} %"
    else:
        shown = "not scored"
    chance = record.get("null_mean", record.get("chance"))
    p_value = record.get("p_value")
    unscorable = record.get("unscorable")
    note = str(record.get("reason", ""))
    if scored and isinstance(unscorable, list) and unscorable:
        note = f"{len(unscorable)} {'mechanisms' if probe else 'treatments'} cannot be scored"
    return ScoreRow(
        metric="cell probe" if probe else str(record["metric"]),
        features=str(record["features"]).replace("_", " "),
        protocol=f"{record['protocol']}@{record['version']}",
        value=shown,
        interval=(
            f"{100 * low:.0f}–{100 * high:.0f} %"
            if isinstance(low, int | float) and isinstance(high, int | float)
            else ""
        ),
        chance=f"{100 * chance:.0f} %" if isinstance(chance, int | float) else "",
        p_value=f"{p_value:.2g}" if isinstance(p_value, int | float) else "",
        note=note,
        model=record["features"] == "model",
    )
