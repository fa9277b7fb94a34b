"""Which columns may be features, and what may choose them: traps 28 to 30."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.runs import call
from tests.traps.by_hand import read

from phenovae.base.errors import InputError


def screen() -> pd.DataFrame:
    """Twelve wells of DMSO, three each of a to d, of known mechanism, and of u to x, of none.

    `signal` is alike in all replicates, `noise` in none; `scored` is alike in those of known
    mechanism alone, `unscored` in the others alone.
    """
    known = {"a": "X", "b": "X", "c": "Y", "d": "Y"}
    rows: list[dict[str, object]] = [
        {"plate": "P1", "well": f"A{number + 1:02d}", "compound": "DMSO", "dose": 0.0}
        for number in range(12)
    ]
    for row, compound in enumerate("abcduvwx"):
        rows += [
            {
                "plate": f"P{replicate}", "well": f"{'BCDEFGHI'[row]}01", "compound": compound,
                "dose": 1.0, "moa": known.get(compound),
            }
            for replicate in (1, 2, 3)
        ]  # fmt: skip
    frame = pd.DataFrame(rows)
    own = np.r_[np.zeros(12), np.repeat([1.0, 5, 2, 6, 3, 8, 4, 7], 3)]
    odd = np.r_[np.linspace(-1, 1, 12), np.tile([-4.0, 0, 4], 8)]
    scored = frame["moa"].notna()
    rest = 0.01 * np.random.default_rng(2).normal(size=(4, len(frame)))
    return frame.assign(
        signal=own + rest[0], noise=odd + rest[1],
        scored=np.where(scored, own, odd) + rest[2],
        unscored=np.where(scored, odd, own) + rest[3],
    )  # fmt: skip


def test_features_that_replicate_are_chosen_by_wells_that_are_not_scored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Trap 28: a filter fitted on the scored wells has been told which of them belong together."""
    found = read(screen(), tmp_path, replicate_correlation=0.9)
    assert found.features.columns == ("signal", "unscored")
    assert found.left_out == ("noise", "scored")
    assert "only 4 treatments tell which features replicate" in caplog.text
    # Whatever the scored wells are like, the choice is the same.
    frame = screen()
    here = frame["moa"].notna()
    frame.loc[here, "signal"] = np.tile([-9.0, 0.5, 9], 4)
    frame.loc[here, "noise"] = np.repeat([1.0, 2, 3, 4], 3) + np.tile([0, 1e-3, 2e-3], 4)
    assert read(frame, tmp_path, replicate_correlation=0.5).features.columns == (
        "signal",
        "unscored",
    )


def test_without_compounds_of_unknown_mechanism_nothing_is_chosen_by_replicates(
    tmp_path: Path,
) -> None:
    """Trap 28: where all wells are scored there is nothing to fit the filter on, and it says so."""
    frame = screen()
    frame = frame.loc[frame["moa"].notna() | (frame["compound"] == "DMSO")]
    with pytest.raises(InputError, match="0 treatments of compounds without a known mechanism"):
        read(frame, tmp_path, replicate_correlation=0.5)
    # Other doses of a scored compound are no way around it.
    more = screen().assign(
        compound=lambda rows: rows["compound"].replace(dict(zip("uvwx", "abcd", strict=True)))
    )
    more.loc[more["moa"].isna() & (more["compound"] != "DMSO"), "dose"] = 7.0
    with pytest.raises(InputError, match="0 treatments of compounds without a known mechanism"):
        read(more, tmp_path, replicate_correlation=0.5)


def test_a_score_of_chosen_features_names_the_choice(tmp_path: Path) -> None:
    """Trap 28: chosen by replicates it is a variant, and shares no column with the plain score."""
    import json

    screen().to_csv(tmp_path / "t.csv", index=False)
    told = call(
        "evaluate", "--profiles", tmp_path / "t.csv", "--protocol", "ljosa2013-wells",
        "--normalize", "none", "--draws", "20", "--json", tmp_path / "s.json",
        "--min-replicate-correlation", "0.5", "--drop-correlated", "0.999",
    )  # fmt: skip
    assert told.code == 0, told.err
    record = json.loads((tmp_path / "s.json").read_text())[0]
    words = "replicate correlation ≥ 0.5, without correlated ≥ 0.999; normalize none"
    assert record["variant"] == words
    assert record["source"]["features_left_out"] == ["noise", "scored"]
    assert record["dimensions"] == 2


def test_columns_that_are_no_measure_of_cells_are_warned_of_and_can_be_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Trap 29: numbers, places and counts say where a cell was found, not what it is like."""
    names = [
        "Nuclei_Number_Object_Number",
        "Cells_Location_Center_X",
        "Nuclei_Children_Cells_Count",
    ]
    random = np.random.default_rng(1)
    frame = screen().assign(**{name: random.normal(size=36) for name in names})
    assert len(read(frame, tmp_path).features.columns) == 7
    assert "3 of 7 features tell no likeness of cells" in caplog.text
    left = read(frame, tmp_path, drop=("ids", "location", "counts"))
    assert left.features.columns == ("signal", "noise", "scored", "unscored")
    assert left.left_out == tuple(names)
    keyed = frame.assign(Metadata_Site=1, ImageNumber=range(36))
    assert not {"Metadata_Site", "ImageNumber"} & set(read(keyed, tmp_path).features.columns)


@pytest.mark.parametrize("label", ["compound", "moa"])
def test_a_code_of_the_label_is_refused_as_a_feature(label: str, tmp_path: Path) -> None:
    """Trap 29: with the code of the compound among the features a score only reads it off."""
    frame = screen()
    if label == "moa":
        frame = frame.assign(moa=frame["moa"].mask(frame["compound"] == "d", "Z"))
    codes = {name: number for number, name in enumerate(frame[label].dropna().unique())}
    code = frame[label].map(codes).fillna(-1.0)
    with pytest.raises(InputError, match="the feature hidden is a code of"):
        read(frame.assign(hidden=code), tmp_path)
    read(frame.assign(hidden=code), tmp_path, drop=("hidden",))


def test_copies_and_likes_of_a_feature_can_be_left_out_and_the_first_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Trap 30: a feature that is there three times counts three times in every cosine."""
    frame = screen().assign(
        again=lambda rows: rows["noise"], inches=lambda rows: 3 - rows["noise"] / 2.54,
        flat=lambda rows: 1e15 + 100 * rows["noise"],
    )  # fmt: skip
    plain = ("signal", "noise", "scored", "unscored")
    assert read(frame, tmp_path).features.columns == (*plain, "again", "inches", "flat")
    exact = read(frame, tmp_path, drop_copies=True)
    assert exact.left_out == ("again",)
    like = read(frame, tmp_path, drop_correlated=1)
    # What does not vary among the controls, but for rounding, is like nothing there, and stays.
    assert like.left_out == ("again", "inches")
    assert "only 12 negative controls tell which features are correlated" in caplog.text
    # Told on controls alone: `scored` is as `noise` there, and nowhere else.
    assert read(frame, tmp_path, drop_correlated=0.99).left_out == ("scored", "again", "inches")
    few = frame.loc[(frame["compound"] != "DMSO") | (frame["well"] < "A03")]
    with pytest.raises(InputError, match="2 rows of negative controls cannot tell"):
        read(few, tmp_path, drop_correlated=0.99)
