"""Contents of reports, built by hand: one with everything in it, one with nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from phenovae.cells.refusals import Refusal, refusal_frame
from phenovae.evaluate.neighbours import score_neighbours
from phenovae.figures.fields import FieldPicture
from phenovae.figures.overlays import overlay_of
from phenovae.images.illumination import Illumination, flat
from phenovae.images.illumination_files import illumination_table
from phenovae.report.compound_content import CompoundContent, CompoundsContent, DoseContent
from phenovae.report.content import Flagged, Pictures, Record, ReportContent
from phenovae.report.field_content import Example, FieldContent, Light
from phenovae.screen.published import Published
from phenovae.screen.unmatched import Kind, Unmatched, unmatched_table

HOSTILE = (
    "<script>alert(1)</script>",
    "mevinolin/lovastatin",
    '" onload="alert(1)\' {{ 7 * 7 }}',
    "$\\notacommand{$ _x_",
    "Ω名 " + "long " * 60,
)

CHANNELS = ("DAPI", "Tubulin", "Actin")
TREATMENTS = 8


def record(features: str, metric: str, correct: int, total: int, **others: object) -> Record:
    """A record as scoring writes it, its interval ten points wide on either side."""
    share = correct / total
    return {
        "features": features,
        "protocol": "cells-mean",
        "version": 1,
        "metric": metric,
        "value": share,
        "correct": correct,
        "total": total,
        "low": share - 0.1,
        "high": share + 0.1,
        "seed": 0,
        "cells": 1234,
        "p_value": 0.0123,
        "null_mean": 0.09,
        "unscorable": [],
        "parameters": {
            "name": "cells-mean",
            "summary": "means of cells",
            "metric": "cosine",
            "unscorable_as_candidates": True,
        },
        **others,
    }


def profiles(count: int) -> pd.DataFrame:
    """Profiles of treatments of two mechanisms in two batches, seven cells each."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "Profile_Protocol": "cells-mean@1",
            "Metadata_Compound": [f"drug {n}" for n in range(count)],
            "Metadata_Concentration": 1.0,
            "Metadata_MoA": ["DNA damage" if n % 2 else "Eg5 inhibitors" for n in range(count)],
            "Metadata_Batch": ["Week1" if n % 3 else "Week1|Week2" for n in range(count)],
            "Profile_Wells": 3,
            "Profile_Cells": 7,
        }
    )
    values = random.normal(size=(count, 4))
    return pd.concat(
        [frame, pd.DataFrame(values, columns=[f"f_{n:03d}" for n in range(4)])], axis=1
    )


def neighbours(profiles: pd.DataFrame) -> pd.DataFrame:
    """Nearest neighbours among these profiles, as scoring writes them."""
    sets = pd.Series([frozenset(each.split("|")) for each in profiles["Metadata_Batch"]])
    told = profiles.assign(Batches=sets.astype(object))
    found = score_neighbours(
        told,
        profiles.filter(regex=r"^f_").to_numpy(dtype=float),
        "other-compound",
        "cosine",
        unscorable_as_candidates=True,
    )
    return found.rows.assign(Features="model", Protocol="cells-mean@1", Metric="NSC")


def compounds(channels: tuple[str, ...]) -> CompoundsContent:
    """The compounds of the profiles and one without a mechanism, at two doses of three cells."""
    random = np.random.default_rng(5)

    def crops() -> np.ndarray:
        return random.integers(0, 255, (3, 12, 12, 3)).astype(np.uint8)

    found = [
        CompoundContent(
            compound=name,
            mechanism="" if name == "unknown" else "DNA damage",
            batches=("Week1", "Week2"),
            plates=2,
            doses=[DoseContent(dose, 2, 7, crops()) for dose in (0.3, 1.0)],
            controls=crops(),
            control="DMSO",
            beside="P1",
        )
        for name in (*(f"drug {n}" for n in range(TREATMENTS)), "unknown")
    ]
    return CompoundsContent(found, channels, "Each channel is scaled by the controls")


def wells() -> pd.DataFrame:
    """Three wells on each of two plates, the first a negative control."""
    return pd.DataFrame(
        [
            {
                "Metadata_Plate": plate,
                "Metadata_Well": well,
                "Batch": "Week1",
                "Treatment": "DMSO (negative control)" if well == "A01" else "taxol 1 µM",
                "Role": "negative_control" if well == "A01" else "treatment",
                "Cells": cells,
                "Cells_Flagged": flagged,
                "Noise": 0.01 * cells if cells else float("nan"),
                "Fields": 4,
                "Fields_Flagged": flagged,
            }
            for plate in ("P10", "P2")
            for well, cells, flagged in (("A01", 90, 0), ("B02", 45, 1), ("H12", 0, 4))
        ]
    )


def pictures(channels: tuple[str, ...]) -> Pictures:
    """Random images of four cells."""
    images = np.random.default_rng(8).random((4, len(channels), 16, 16)).astype(np.float32)
    return Pictures(channels, images, images / 2, images)


def flagged(channels: tuple[str, ...]) -> Flagged:
    """Two crops that were left out, of five."""
    crops = np.random.default_rng(9).integers(0, 900, (2, len(channels), 16, 16))
    return Flagged(crops.astype(np.uint16), ("noise", "empty"), 5, {"empty": 2, "noise": 3})


@pytest.fixture(scope="session")
def full_content() -> ReportContent:
    """A run of which everything is known."""
    miss = {
        "treatment": "taxol 0.3 µM",
        "moa": "Microtubule stabilizers",
        "neighbour": "PP-2 3 µM",
        "predicted": "Epithelial",
        "similarity": 0.5678,
    }
    return ReportContent(
        title="a run",
        synthetic=False,
        source="single-cell files",
        channels=CHANNELS,
        design={
            "plates": 4, "batches": 1, "wells": 40, "sites": 80, "annotated_treatments": 8,
            "annotated_compounds": 4, "mechanisms": 2, "annotated_wells": 24,
            "negative_control_wells": 10, "positive_control_wells": 6, "usual_replicates": 3,
            "usual_sites": 2, "usual_images": 18, "channels": list(CHANNELS), "in_one_batch": 8,
            "in_one_position": 7, "departures": ["1 treatment has 2 wells instead of 3"],
            "scorable": [{"rule": "other-compound", "scorable": 8, "total": 8, "mechanisms": []}],
        },
        imported={
            "found": 1241, "imported": 1239, "refused": 2, "joins": ["1,241 files matched"],
            "refused_by_reason": {"too small": 2},
            "refusals": [{"file": "a_1.npy", "reason": "too small"}] * 2,
        },
        flagged=flagged(CHANNELS),
        history=pd.DataFrame(
            {"epoch": [1, 2, 3], "train_elbo": [1.0, 2, 3], "validation_elbo": [1.0, 2, 2],
             "train_kl": [1.0, 2, 3], "sigma_DAPI": [0.5, 0.2, 0.1], "sigma_at_bound": [0, 0, 0]}
        ),
        summary={
            "epochs": 3, "kept_epoch": 2, "kept_by": "validation ELBO", "elbo": 20531.0, "kl": 12.3,
            "bits_per_dimension": -2.41, "collapsed": False, "sigma_at_bound": False,
        },
        diagnostics={
            "cells": 139, "latent": 3, "active_units": 2, "active_rule": "variance > 0.01",
            "kl_per_dimension": [0.1, 3.0, 2.0], "variance_of_mean": [0.0, 0.9, 0.5],
            "sigma": {"DAPI": 0.1}, "squared_error": {"DAPI": 0.01}, "convention": "nats a cell",
        },
        pictures=pictures(CHANNELS),
        records=[
            record("model", "NSC", 5, 8, misses=[miss]),
            record("model", "NSCB", 2, 7, misses=[], unscorable=["PD-169316 3 µM"]),
            record("intensity", "NSC", 3, 8),
            {"features": "model", "protocol": "cell-probe", "version": 1, "metric": "probe",
             "value": 0.356, "low": 0.3, "high": 0.4, "chance": 0.083, "cells": 1234,
             "correct": None, "total": 1234},
        ],
        neighbours=neighbours(profiles(TREATMENTS)),
        profiles=profiles(TREATMENTS),
        confusions={
            "cells-mean@1 NSC": {
                "index": ["DNA damage", "Eg5 inhibitors"], "data": [[3, 1], [2, 2]],
            }
        },
        splits={"cells": {"train": 1100, "validation": 139, "left-out": 5}},
        config_text="seed: 0\n",
        journal={
            "seed": 0,
            "versions": {"phenovae": "0.1.0", "numpy": "2.0"},
            "machine": {"system": "Linux", "architecture": "x86_64"},
            "stages": {
                "cells": {"started": "2026-01-02T03:04:05+00:00", "seconds": 4.5,
                          "inputs": {"crops": "ab" * 32}, "warnings": ["few controls"]}
            },
        },
        published=(
            Published(work="Someone 2018", nsc=97.1, nsc_count="100/103", source="a", caveat="b"),
        ),
        umap=False,
        options={"sampling": {"balance": "treatment"}, "model": {"size": "small", "latent": 3}},
        training={"trained_on": 1100, "validated_on": 139},
        checksums={"splits": "cd" * 32},
        crop_um=44.6,
        picture_um=44.6,
        flagged_total=5,
        compounds=compounds(CHANNELS),
        wells=wells(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def bare_content() -> ReportContent:
    """A run of which nothing is known."""
    return ReportContent(
        title="",
        synthetic=False,
        source="",
        channels=(),
        design={},
        imported={},
        flagged=None,
        history=pd.DataFrame(),
        summary={},
        diagnostics={},
        pictures=None,
        records=(),
        neighbours=pd.DataFrame(),
        profiles=pd.DataFrame(),
        confusions={},
        splits={},
        config_text="",
        journal={},
    )


@pytest.fixture(scope="session")
def hostile_content(full_content: ReportContent) -> ReportContent:
    """Everything that comes from data is a hostile name."""
    script = HOSTILE[0]
    profiles = full_content.profiles.assign(
        Metadata_Compound=[HOSTILE[n % len(HOSTILE)] for n in range(8)],
        Metadata_MoA=[HOSTILE[n % len(HOSTILE)] for n in range(8)],
        Metadata_Batch=[HOSTILE[n % len(HOSTILE)] for n in range(8)],
    )
    data = np.eye(len(HOSTILE), dtype=int).tolist()
    miss = dict.fromkeys(("treatment", "moa", "neighbour", "predicted"), script)
    assert full_content.pictures is not None
    assert full_content.flagged is not None
    first = {**full_content.records[0], "misses": [miss], "unscorable": list(HOSTILE)}
    probe = {**first, "metric": "probe", "chance": 0.2}
    probe["recall"] = dict.fromkeys(HOSTILE, 0.5)
    by_moa = [{"moa": name, "support": 2, "predicted": 1, "right": 1} for name in HOSTILE]
    return replace(
        full_content,
        title=script,
        source=script,
        channels=HOSTILE[:3],
        design={**full_content.design, "departures": list(HOSTILE), "channels": list(HOSTILE)},
        imported={"refusals": [{"file": name, "reason": name} for name in HOSTILE],
                  "joins": list(HOSTILE)},
        flagged=replace(full_content.flagged, reasons=(script, "noise"), by_reason={script: 5}),
        history=full_content.history.rename(columns={"sigma_DAPI": f"sigma_{script}"}),
        pictures=replace(full_content.pictures, channels=HOSTILE[:3]),
        records=[
            first,
            {**first, "features": script, "protocol": script},
            probe,
            {**probe, "features": script},
            {**first, "metric": "NSCB", "before_transforms": first, "by_moa": by_moa},
            {**first, "kind": "batch mixing", "metric": script, "treatment": script, "k": 3},
            {**first, "kind": "batch mixing", "value": None, "wells": script, "reason": script},
            {**first, "kind": "replicates", "metric": script, "features": script},
            {**first, "kind": "replicates", "value": None, "reason": script},
        ],
        profiles=profiles,
        confusions={f"{script} NSC": {"index": list(HOSTILE), "data": data}},
        config_text=script,
        journal={**full_content.journal, "seed": script, "versions": {script: script},
                 "stages": {script: {"inputs": {script: script}, "warnings": list(HOSTILE)}}},
        checksums={script: script},
        compounds=replace(
            full_content.compounds,
            compounds=[
                replace(each, compound=name, mechanism=name, batches=(name,), control=name)
                for each, name in zip(full_content.compounds.compounds, HOSTILE, strict=False)
            ],
            channels=HOSTILE[:3],
            scaled=script,
        ),
        wells=full_content.wells.assign(
            Metadata_Plate=script, Batch=script, Treatment=script, Role="treatment",
            Metadata_Well=["A01", "B01", "A02", "B02", script, "H12"],
        ),
    )  # fmt: skip


def light(plates: tuple[str, ...], reason: str = "") -> Light:
    """Plates with one channel, lit alike, and one that counts as flat for a reason."""
    ramp = np.tile(np.linspace(0.9, 1.1, 8, dtype=np.float32), (8, 1))
    lit = Illumination(
        field=ramp, shape=(32, 32), side=4, dark_level=100.0, fields=16, degree=2, error=0.01,
        flatness_before=0.2, flatness_after=0.05, flatness_chance=0.04,
    )  # fmt: skip
    lights = {plate: {"DAPI": lit} for plate in plates}
    if reason:
        lights["dark"] = {"DAPI": flat((32, 32), reason, 1)}
    return Light(illumination_table(lights), {plate: lights[plate] for plate in plates})


def example(fates: dict[str, int], place: str = "P1 B02, site 1") -> Example:
    """A field with one nucleus that was kept and one that was not."""
    labels = np.zeros((32, 32), np.int32)
    labels[2:10, 2:10], labels[20:30, 20:30] = 1, 2
    images = {name: np.full((32, 32), 7 + n, np.uint16) for n, name in enumerate(CHANNELS)}
    return Example(
        "field_1", place, "taxol 1 µM", fates, overlay_of(images, CHANNELS, labels, labels, {1})
    )


@pytest.fixture(scope="session")
def field_content() -> FieldContent:
    """Fields of which everything happened to some."""
    gone = [
        Unmatched(Kind.PLATE, "none of its 4 sites has an image", "P9", count=4),
        Unmatched(Kind.SITE, "no channel has an image", "P1", "B02", 3),
    ]
    refused = [Refusal("segment", "f7", "no image of Actin", plate="P1", well="C03", site=2)]
    image = np.random.default_rng(4).random((3, 24, 24)).astype(np.float32)
    return FieldContent(
        channels=CHANNELS,
        layout="nuclei",
        tabled=16,
        found=11,
        read=10,
        flags={"focus": 2, "focus, noise": 1},
        flagged_kept=False,
        fates={"kept": 70, "border": 20, "small": 3, "large": 1, "field": 6},
        errors=refusal_frame(refused),
        unmatched=unmatched_table(gone),
        dropped={"plate without images": 4, "site without images": 1},
        notes=["12 files found by their names"],
        examples=[example({"kept": 1, "border": 1})],
        thrown=[FieldPicture("P1 B04, site 1", "out of focus", image)],
        light=light(("P1", "P2"), "too few fields"),
    )
