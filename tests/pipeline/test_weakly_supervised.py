"""A run that learns from labels of compounds, and says so wherever a score is read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.runs import call, of_crops

from phenovae.pipeline.leaks import audit_leaks
from phenovae.pipeline.stages.train import _groups
from phenovae.vae.options import ObjectiveOptions

TRACK = "weakly supervised (compound labels)"


@pytest.mark.usefixtures("undrawn")
def test_a_run_with_labels_says_so_wherever_scores_are(
    tiny: Path, made_crops: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    asked = [
        "run", tiny / "crops.yaml", "--out", run, *of_crops(made_crops),
        "--set", "objective.terms=[reconstruction,kl,compounds]",
        "--set", "objective.compounds.by=compound",
    ]  # fmt: skip
    refused = call(*asked)
    assert refused.code != 0
    assert "objective.weakly_supervised=true" in refused.err
    told = call(*asked, "--set", "objective.weakly_supervised=true")
    assert told.code == 0, told.err
    assert f"training of model: {TRACK}" in told.out
    records = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    tracks = {record["features"]: record["track"] for record in records}
    assert tracks["model"] == TRACK
    assert tracks["intensity"] == "label-free"
    assert json.loads((run / "model" / "model.json").read_text("utf-8"))["labels"] == "compound"
    assert TRACK in (run / "run.json").read_text(encoding="utf-8")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert TRACK in page
    assert TRACK.capitalize() in page
    audit = audit_leaks(run)
    assert audit is not None
    assert TRACK in dict(audit.facts)["labels"]
    assert any("with labels of compounds" in found.what for found in audit.findings)


def test_cells_are_grouped_by_compound_and_dose_and_controls_are_one_group_or_none() -> None:
    table = pd.DataFrame(
        {
            "Metadata_Compound": ["DMSO", "b", "b", "a", "DMSO", "b"],
            "Metadata_Concentration": [0.0, 1.0, 3.0, 1.0, 2.0, 1.0000000001],
            "Metadata_Role": ["negative_control", *["treatment"] * 3, "negative_control", "other"],
        }
    )
    assert _groups(table, ObjectiveOptions()) is None

    def grouped(**chosen: str) -> list[int]:
        options = {"weakly_supervised": True, "compounds": chosen}
        found = _groups(table, ObjectiveOptions.model_validate(options))
        assert found is not None
        numbers: list[int] = np.unique(found, return_inverse=True)[1].tolist()
        return numbers

    assert grouped() == [3, 1, 2, 0, 3, 1]
    assert grouped(by="compound") == [2, 1, 1, 0, 2, 1]
    assert grouped(controls="left-out") == [0, 2, 3, 1, 0, 2]
