"""Pictures of treatments and of their scores, with the words that go with them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from phenovae.base.errors import MissingExtraError
from phenovae.evaluate.scores import MECHANISM, kind_of
from phenovae.figures import confusion, scores, treatments
from phenovae.report.content import ReportContent
from phenovae.report.facts import percent, plural
from phenovae.report.pictures import Shown, picture
from phenovae.report.words import MODEL

_FEWEST_FOR_PCA = 3
_FEWEST_FOR_UMAP = 6


def treatment_pictures(content: ReportContent, seed: int) -> Shown:
    """Treatments in the plane, by mechanism and by batch, and by UMAP."""
    profiles = content.profiles
    here = profiles
    if len(profiles):
        here = profiles.loc[profiles["Profile_Protocol"] == profiles["Profile_Protocol"].iloc[0]]
    if len(here) < _FEWEST_FOR_PCA:
        count = "is 1" if len(here) == 1 else f"are {len(here)}"
        text = f"A map needs {_FEWEST_FOR_PCA} treatments with a profile; there {count}."
        return Shown([], [text])
    label = str(here["Profile_Protocol"].iloc[0])
    values = here.filter(regex=r"^f_\d+$").to_numpy(dtype=float)
    mechanisms = [_named(text) for text in here["Metadata_MoA"].tolist()]
    batches = [_batch(text) for text in here["Metadata_Batch"].tolist()]
    cells = int(here["Profile_Cells"].sum())
    behind = f"{plural(len(here), 'treatment')}, {plural(cells, content.unit)}; profiles by {label}"
    plane, shares = treatments.principal_plane(values)
    first, second = (
        f"component {n + 1} ({percent(share, 0)} of the variance)" for n, share in enumerate(shares)
    )
    found = [
        picture(
            treatments.treatment_map(plane, groups, (first, second), what),
            f"principal components of treatment profiles, marked by {what}",
            f"Treatments by {what}: principal components of profiles of unit length. {behind}.",
        )
        for what, groups in (("mechanism", mechanisms), ("batch", batches))
    ]
    flat, why = _umap(content, values, seed)
    if flat is None:
        return Shown(found, [why])
    found.append(
        picture(
            treatments.treatment_map(
                flat,
                mechanisms,
                ("UMAP 1 (no unit)", "UMAP 2 (no unit)"),
                "mechanism",
                distances=False,
            ),
            "UMAP of treatment profiles, marked by mechanism",
            f"Treatments by mechanism: UMAP of the same profiles by cosine. {behind}. "
            "Near neighbours mean something here, distances between far groups little.",
        )
    )
    return Shown(found, [])


def _umap(
    content: ReportContent, values: treatments.Matrix, seed: int
) -> tuple[treatments.Matrix | None, str]:
    if not content.umap:
        return None, "UMAP is left out: the configuration says report.umap: false."
    if len(values) < _FEWEST_FOR_UMAP:
        return None, f"UMAP is left out: it needs {_FEWEST_FOR_UMAP} treatments at least."
    try:
        return treatments.umap_plane(values, seed), ""
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


def score_pictures(content: ReportContent) -> Shown:
    """All scores with intervals."""
    # Votes are in the tables: beside the nearest neighbour they would crowd the picture.
    scored = [
        record
        for record in content.records
        if isinstance(record.get("value"), int | float)
        and kind_of(record) == MECHANISM
        and "k" not in record
    ]
    if not scored:
        return Shown([], ["Nothing could be scored."])
    counts = [cells for r in scored if isinstance(cells := r.get("cells"), int) and cells]
    cells = f" At most {plural(max(counts), content.unit)} stand behind a score." if counts else ""
    return Shown(
        [
            picture(
                scores.score_intervals(scored),
                "scores with their intervals by protocol, model and baselines",
                "Scores by protocol, with 95 % intervals over compounds. Scores of different "
                f"protocols are different quantities.{cells}",
            )
        ],
        [],
    )


def _named(value: object) -> str:
    text = str(value).strip() if isinstance(value, str) else ""
    return text or "unknown"


def _batch(value: object) -> str:
    return "several" if "|" in str(value) else _named(value)
