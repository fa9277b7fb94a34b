"""Maps of treatments and the confusion of their mechanisms, with the words that go with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from phenovae.base.errors import MissingExtraError
from phenovae.evaluate.scores import METRICS
from phenovae.figures import confusion, planes
from phenovae.report.anchors import Anchors
from phenovae.report.content import ReportContent
from phenovae.report.facts import percent, plural
from phenovae.report.pictures import Shown, picture
from phenovae.report.treatment_map import TreatmentMap, draw_map, mark_treatments
from phenovae.report.verdicts import Verdicts
from phenovae.report.words import MODEL

_FEWEST_FOR_PCA = 3
_FEWEST_FOR_UMAP = 6


@dataclass(frozen=True)
class Maps:
    """Maps of treatments, and sentences on those that are left out and why."""

    maps: list[TreatmentMap]
    missing: list[str]


def treatment_maps(content: ReportContent, verdicts: Verdicts, anchors: Anchors, seed: int) -> Maps:
    """Treatments in the plane: principal components, and UMAP where it is installed."""
    profiles = content.profiles
    here = profiles
    if len(profiles):
        here = profiles.loc[profiles["Profile_Protocol"] == profiles["Profile_Protocol"].iloc[0]]
    if len(here) < _FEWEST_FOR_PCA:
        count = "is 1" if len(here) == 1 else f"are {len(here)}"
        text = f"A map needs {_FEWEST_FOR_PCA} treatments with a profile; there {count}."
        return Maps([], [text])
    label = str(here["Profile_Protocol"].iloc[0])
    metric = next((name for name in METRICS if verdicts.by(name, label)), next(iter(METRICS)))
    marked = mark_treatments(here, verdicts.by(metric, label), metric, anchors)
    values = here.filter(regex=r"^f_\d+$").to_numpy(dtype=float)
    cells = int(here["Profile_Cells"].sum())
    behind = f"{plural(len(here), 'treatment')}, {plural(cells, content.unit)}; profiles by {label}"
    plane, shares = planes.principal_plane(values)
    first, second = (
        f"component {n + 1} ({percent(share, 0)} of the variance)" for n, share in enumerate(shares)
    )
    found = [
        draw_map(
            plane,
            marked,
            (first, second),
            (
                "map-pca",
                "Treatments by principal components",
                f"Principal components of profiles of unit length. {behind}. Filled: the nearest "
                f"neighbour is right by {metric}; hollow: wrong or tied; small: not scored.",
            ),
        )
    ]
    flat, why = _umap(content, values, seed)
    if flat is None:
        return Maps(found, [why])
    found.append(
        draw_map(
            flat,
            marked,
            ("UMAP 1 (no unit)", "UMAP 2 (no unit)"),
            (
                "map-umap",
                "Treatments by UMAP",
                f"UMAP of the same profiles by cosine. {behind}. Near neighbours mean something "
                "here, distances between far groups little.",
            ),
            distances=False,
        )
    )
    return Maps(found, [])


def _umap(
    content: ReportContent, values: planes.Matrix, seed: int
) -> tuple[planes.Matrix | None, str]:
    if not content.umap:
        return None, "UMAP is left out: the configuration says report.umap: false."
    if len(values) < _FEWEST_FOR_UMAP:
        return None, f"UMAP is left out: it needs {_FEWEST_FOR_UMAP} treatments at least."
    try:
        return planes.umap_plane(values, seed), ""
    except MissingExtraError:
        return None, (
            "UMAP is left out: umap-learn is not installed "
            "(pip install 'phenovae[umap]' brings it)."
        )


def confusion_pictures(content: ReportContent) -> Shown:
    """Confusion of mechanisms under the first protocol's NSC."""
    for name, split in content.confusions.items():
        data, index = split.get("data"), split.get("index")
        if not name.endswith(" NSC") or not isinstance(data, list) or not isinstance(index, list):
            continue
        if not index:
            continue
        total, right = int(np.sum(data)), int(np.trace(np.asarray(data)))
        return Shown(
            [
                picture(
                    confusion.confusion_matrix(pd.DataFrame(data, index=index, columns=index)),
                    "matrix of treatments by their mechanism and their nearest neighbour's",
                    f"{plural(total, 'treatment')} by mechanism (row) and that of the nearest "
                    f"neighbour (column), {name}{_cells_behind(content, name)}. Framed: right, "
                    f"{right} in all. Shades are shares of a row.",
                )
            ],
            [],
        )
    return Shown([], ["There is no confusion matrix: no treatment of the model was scored."])


def _cells_behind(content: ReportContent, name: str) -> str:
    for record in content.records:
        label = f"{record['protocol']}@{record['version']} {record['metric']}"
        cells = record.get("cells")
        if label == name and record["features"] == MODEL and isinstance(cells, int):
            return f", {plural(cells, content.unit)}"
    return ""
