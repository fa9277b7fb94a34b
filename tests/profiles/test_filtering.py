from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.runs import call

from phenovae.base.errors import InputError
from phenovae.profiles.feature_file import FeatureFile
from phenovae.profiles.filtering import copies_of_earlier, replicate_correlations
from phenovae.profiles.reading import ReadOptions, read_features


def wells(values: dict[str, list[float]], sizes: list[int], controls: int = 0) -> pd.DataFrame:
    """Wells of unknown compounds, so many of each, then of DMSO; features in this order."""
    rows = [
        {"plate": f"P{number + 1}", "well": f"A{place + 1:02d}", "compound": f"u{place}", "dose": 1}
        for place, size in enumerate(sizes)
        for number in range(size)
    ]
    rows += [
        {"plate": "P1", "well": f"H{number + 1:02d}", "compound": "DMSO", "dose": 0}
        for number in range(controls)
    ]
    return pd.DataFrame(rows).assign(**values)


def features(frame: pd.DataFrame, folder: Path, options: ReadOptions | None = None) -> FeatureFile:
    frame.to_parquet(folder / "t.parquet", index=False)
    return read_features(folder / "t.parquet", None, options).features


def test_replicates_by_hand(tmp_path: Path) -> None:
    # Three pairs of means 0, 2 and 4: twice 8 between, over two degrees of freedom; 6 within, over
    # three. (8 - 2) / (8 + 2). For `near` 2 × 200 / 2 between, and 0.06 / 3 within.
    frame = wells(
        {
            "some": [-1, 1, 1, 3, 3, 5], "near": [0, 0.2, 10, 10.2, 20, 20.2], "flat": [7] * 6,
            "against": [0, 4, 1, 3, 2, 2],
        },
        [2, 2, 2],
    )  # fmt: skip
    found, count = replicate_correlations(features(frame, tmp_path))
    assert count == 3
    # Equal means and unlike wells are worse than chance: (0 - w) / (0 + w).
    assert found.tolist() == pytest.approx([0.6, 199.98 / 200.02, 0, -1])


@pytest.mark.parametrize("seed", range(4))
def test_replicates_are_alike_in_any_unit_and_in_any_order_of_rows(
    seed: int, tmp_path: Path
) -> None:
    random = np.random.default_rng(seed)
    sizes = [2, 3, *random.integers(1, 5, 6).tolist(), 4]
    values = random.normal(size=sum(sizes))
    frame = wells({"f": values.tolist(), "g": (70 - 0.01 * values).tolist()}, sizes)
    found, count = replicate_correlations(features(frame, tmp_path))
    assert count == sum(size > 1 for size in sizes)
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    assert -1 <= found[0] <= 1
    again, _ = replicate_correlations(features(frame.sample(frac=1, random_state=seed), tmp_path))
    assert again == pytest.approx(found, abs=1e-9)


def test_cells_tell_by_the_means_of_their_wells(tmp_path: Path) -> None:
    frame = wells({"f": [-1, 1, 1, 3, 3, 5]}, [2, 2, 2])
    many = pd.concat(
        [
            frame.assign(site=1, cell=1, f=frame["f"] - 9),
            frame.assign(site=1, cell=2, f=frame["f"] + 9),
        ]
    )
    read = features(many, tmp_path)
    assert read.level == "cell"
    assert replicate_correlations(read)[0] == pytest.approx([0.6])


def test_rows_that_know_no_wells_cannot_tell_replicates(tmp_path: Path) -> None:
    frame = pd.DataFrame({"compound": list("abc"), "dose": 1.0, "f": [1.0, 2, 3]})
    with pytest.raises(InputError, match="these features are of treatments already"):
        replicate_correlations(features(frame, tmp_path))
    alone = wells({"f": [1.0, 2, 3]}, [1, 1, 1])
    with pytest.raises(InputError, match="0 treatments of compounds"):
        replicate_correlations(features(alone, tmp_path))


def test_of_a_chain_of_likes_those_stay_that_are_like_none_that_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # b is 30° from a and c 60°; d is against a. At cos 40° b goes, and c is compared with a alone.
    plane = np.linalg.qr(np.random.default_rng(0).normal(size=(20, 3)))[0]
    plane -= plane.mean(axis=0)
    plane = np.linalg.qr(plane)[0]
    angles = {"a": 0, "b": 30, "c": 60, "d": 180}
    values = {
        name: (np.cos(np.deg2rad(angle)) * plane[:, 0] + np.sin(np.deg2rad(angle)) * plane[:, 1])
        for name, angle in angles.items()
    }
    frame = wells({name: each.tolist() for name, each in values.items()}, [], controls=20)
    found = copies_of_earlier(features(frame, tmp_path), float(np.cos(np.deg2rad(40))))
    assert found.tolist() == [False, True, False, True]
    assert "tell which features" not in caplog.text


def test_where_no_feature_is_left_it_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = wells({"f": [0, 4, 1, 3, 2, 2]}, [2, 2, 2])
    path = tmp_path / "my wells.csv"
    frame.to_csv(path, index=False)
    told = call("evaluate", "--profiles", path, "--min-replicate-correlation", "0.2")
    assert told.code == 1
    assert "no feature is left: all 1 have a replicate correlation below 0.2" in told.err
    for words in (("--drop-correlated", "0"), ("--min-replicate-correlation", "2")):
        told = call("evaluate", "--profiles", path, *words)
        assert (told.code, told.out) == (2, "")
        assert words[0] in told.err
