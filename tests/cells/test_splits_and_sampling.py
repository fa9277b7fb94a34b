from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cells.made import cell_table

from phenovae.base.errors import InputError, UsageError
from phenovae.base.tables import write_table
from phenovae.cells.sampling import SamplingOptions, sampling_weights
from phenovae.cells.splits import (
    SPLITS,
    SplitOptions,
    check_disjoint,
    make_splits,
    read_splits,
    split_hash,
)

By = Literal["cell", "well", "plate", "batch", "treatment", "compound"]
GROUPS = {
    "cell": ["Metadata_Plate", "Metadata_Field", "Metadata_Cell"],
    "well": ["Metadata_Plate", "Metadata_Well"],
    "plate": ["Metadata_Plate"],
    "batch": ["Metadata_Batch"],
    "treatment": ["Metadata_Compound", "Metadata_Concentration"],
    "compound": ["Metadata_Compound"],
}


def screen(per_well: int = 10, plates: int = 6, wells: int = 10) -> pd.DataFrame:
    """Cells of many plates: in each, half of the wells DMSO, the others five compounds."""
    tables = []
    for plate in range(plates):
        for well in range(wells):
            treated = well % 2
            name = f"B{well + 1:02d}"
            tables.append(
                cell_table(
                    per_well,
                    Metadata_Plate=f"Week{plate // 2 + 1}_{plate:05d}",
                    Metadata_Batch=f"Week{plate // 2 + 1}",
                    Metadata_Well=name,
                    Metadata_Field=f"{name}_s1_w1P{plate}",
                    Metadata_Compound=f"C{well // 2}" if treated else "DMSO",
                    Metadata_Concentration=float(plate % 2 + 1) if treated else 0.0,
                    Metadata_Role="treatment" if treated else "negative_control",
                )
            )
    return pd.concat(tables, ignore_index=True).assign(Quality_Flag="")


@pytest.mark.parametrize("by", get_args(By))
def test_no_group_is_on_two_sides_and_every_cell_is_on_one(by: By) -> None:
    table = screen()
    splits = make_splits(table, SplitOptions(by=by, validation=0.34, test=0.33), 0)
    assert splits["Row"].tolist() == list(range(len(table)))
    assert set(splits["Split"]) == {"train", "validation", "test"}
    check_disjoint(splits)
    sides = table.assign(side=splits["Split"]).groupby(GROUPS[by])["side"].nunique()
    assert sides.max() == 1
    assert splits["Group"].nunique() == len(sides)


@pytest.mark.parametrize("by", ["cell", "well"])
@pytest.mark.parametrize("stratify", ["none", "role", "treatment", "batch"])
def test_parts_have_the_shares_that_were_asked_for(
    by: By, stratify: Literal["none", "role", "treatment", "batch"]
) -> None:
    table = screen()
    options = SplitOptions(by=by, validation=0.2, test=0.1, stratify=stratify)
    split = make_splits(table, options, 0)["Split"]
    assert (split == "validation").mean() == pytest.approx(0.2, abs=0.02)
    assert (split == "test").mean() == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_every_stratum_is_cut_alike_under_every_seed(seed: int) -> None:
    # ten wells of controls among a hundred of one size: a tenth of them, one well, validates
    table = pd.concat(
        [
            cell_table(
                3,
                Metadata_Plate=f"P{number}",
                Metadata_Role="negative_control" if number % 10 == 0 else "treatment",
            )
            for number in range(100)
        ],
        ignore_index=True,
    ).assign(Quality_Flag="")
    split = make_splits(table, SplitOptions(validation=0.1, stratify="role"), seed)["Split"]
    cells = table.loc[split == "validation", "Metadata_Role"].value_counts()
    assert cells.to_dict() == {"negative_control": 3, "treatment": 27}


def test_small_wells_validate_as_often_as_large_ones() -> None:
    # one field of hundreds of cells a plate, among wells of one cell: the original's crops
    table = pd.concat(
        [
            cell_table(400 if number < 4 else 1 + number % 3, Metadata_Plate=f"P{number}")
            for number in range(104)
        ],
        ignore_index=True,
    ).assign(Quality_Flag="")
    large = table["Metadata_Plate"].isin([f"P{number}" for number in range(4)])
    for seed in range(5):
        split = make_splits(table, SplitOptions(validation=0.1), seed)["Split"]
        assert set(split[large]) == {"train"}
        wells = table.loc[split == "validation", "Metadata_Plate"].nunique()
        assert wells == 10
        assert (split[~large] == "validation").mean() == pytest.approx(0.1, abs=0.02)


def test_controls_larger_than_the_part_stay_in_training() -> None:
    table = screen()
    split = make_splits(table, SplitOptions(by="compound", validation=0.2), 0)["Split"]
    assert set(split[table["Metadata_Compound"] == "DMSO"]) == {"train"}
    assert len(set(table.loc[split == "validation", "Metadata_Compound"])) == 1


@settings(max_examples=30, deadline=None)
@given(
    wells=st.lists(st.integers(1, 9), min_size=8, max_size=30),
    validation=st.floats(0.2, 0.4),
    seed=st.integers(0, 5),
    shuffle=st.integers(0, 5),
)
def test_a_split_tears_no_group_and_does_not_depend_on_the_order_of_rows(
    wells: list[int], validation: float, seed: int, shuffle: int
) -> None:
    table = pd.concat(
        [
            cell_table(count, Metadata_Well=f"B{number + 1:02d}", Metadata_Field=f"F{number}")
            for number, count in enumerate(wells)
        ],
        ignore_index=True,
    ).assign(Quality_Flag="")
    options = SplitOptions(validation=validation)
    try:
        splits = make_splits(table, options, seed)
    except InputError:
        return
    check_disjoint(splits)
    count = len(table)
    assert abs((splits["Split"] == "validation").sum() - validation * count) <= max(wells)
    order = np.random.default_rng(shuffle).permutation(count)
    again = make_splits(table.iloc[order], options, seed)
    assert again["Split"].tolist() == splits["Split"].iloc[order].tolist()


def test_another_seed_draws_other_wells_and_the_same_seed_the_same() -> None:
    table = screen()
    hashes = [
        split_hash(make_splits(table, SplitOptions(validation=0.2), seed)) for seed in (0, 0, 1, 2)
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    assert all(len(each) == 64 for each in hashes)


def test_the_hash_follows_every_side() -> None:
    splits = make_splits(screen(), SplitOptions(), 0)
    other = splits.copy()
    other.loc[0, "Split"] = "left-out"
    assert split_hash(splits) != split_hash(other)


def test_flagged_cells_are_left_out_and_do_not_count() -> None:
    table = screen()
    table.loc[::7, "Quality_Flag"] = "noise"
    splits = make_splits(table, SplitOptions(by="cell", validation=0.25), 0)
    assert ((splits["Split"] == "left-out") == (table["Quality_Flag"] != "")).all()
    used = splits.loc[splits["Split"] != "left-out", "Split"]
    assert (used == "validation").mean() == pytest.approx(0.25, abs=0.01)


def test_without_a_validation_share_everything_trains() -> None:
    splits = make_splits(screen(), SplitOptions(validation=0), 0)
    assert set(splits["Split"]) == {"train"}


def test_a_dose_written_in_two_ways_is_one_treatment() -> None:
    table = screen()
    treated = table["Metadata_Role"] == "treatment"
    table.loc[treated & (np.arange(len(table)) % 3 == 0), "Metadata_Concentration"] += 1e-9
    splits = make_splits(table, SplitOptions(by="treatment", validation=0.2), 0)
    assert splits["Group"].nunique() == 11  # five compounds at two doses, and DMSO


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (screen(plates=1), SplitOptions(by="plate"), "1 groups by plate leaves none for"),
        (screen(per_well=1, plates=1, wells=2), SplitOptions(), "leaves none for"),
        (screen().assign(Quality_Flag="noise"), SplitOptions(), "splitting 0 cells in 0 groups"),
        (screen()[:0], SplitOptions(), "splitting 0 cells"),
    ],
)
def test_a_split_that_cannot_be_is_refused(
    table: pd.DataFrame, options: SplitOptions, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        make_splits(table, options, 0)
    assert "split.by=cell" in str(caught.value)


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(UsageError, match="leave nothing to train on"):
        make_splits(screen(), SplitOptions(validation=0.5, test=0.5), 0)


def written(splits: pd.DataFrame, folder: Path) -> Path:
    write_table(splits, folder / "splits.parquet", SPLITS)
    return folder / "splits.parquet"


def test_splits_come_back_as_they_were_written(tmp_path: Path) -> None:
    splits = make_splits(screen(), SplitOptions(), 0)
    back = read_splits(written(splits, tmp_path), len(splits))
    assert split_hash(back) == split_hash(splits)


def test_splits_of_another_store_are_refused(tmp_path: Path) -> None:
    splits = make_splits(screen(), SplitOptions(), 0)
    path = written(splits, tmp_path)
    with pytest.raises(InputError, match=r"splits\.parquet has 600 rows, the store 599 cells"):
        read_splits(path, 599)
    with pytest.raises(InputError):
        read_splits(written(splits[::-1], tmp_path), 600)
    with pytest.raises(InputError, match="there is no"):
        read_splits(tmp_path / "gone.parquet", 600)


def test_a_torn_group_and_an_unknown_side_are_refused(tmp_path: Path) -> None:
    splits = make_splits(screen(), SplitOptions(), 0)
    torn = splits.copy()
    torn.loc[0, "Split"] = "test"
    with pytest.raises(InputError, match=r"group Week1_00000\|B01 is on 2 sides"):
        read_splits(written(torn, tmp_path), len(torn))
    torn.loc[0, "Split"] = "left-out"
    read_splits(written(torn, tmp_path), len(torn))
    torn.loc[0, "Split"] = "tests"
    with pytest.raises(InputError, match="unknown side 'tests'"):
        read_splits(written(torn, tmp_path), len(torn))


def drawn() -> pd.DataFrame:
    """Sixteen controls, four cells of a treatment and one of another."""
    return cell_table(
        21,
        Metadata_Compound=["DMSO"] * 16 + ["a"] * 4 + ["b"],
        Metadata_Concentration=[0.0] * 16 + [0.3, 0.3, 0.3, 0.3 + 1e-9] + [0.3],
        Metadata_Role=["negative_control"] * 16 + ["treatment"] * 5,
    )


@pytest.mark.parametrize(
    ("balance", "strength", "shares"),
    [
        ("none", 1.0, [16 / 21, 4 / 21, 1 / 21]),
        ("treatment", 0.0, [16 / 21, 4 / 21, 1 / 21]),
        ("treatment", 0.5, [4 / 7, 2 / 7, 1 / 7]),
        ("treatment", 1.0, [1 / 3, 1 / 3, 1 / 3]),
        ("role", 1.0, [1 / 2, 4 / 10, 1 / 10]),
    ],
)
def test_groups_are_drawn_as_the_strength_says(
    balance: Literal["none", "role", "treatment"], strength: float, shares: list[float]
) -> None:
    options = SamplingOptions(balance=balance, strength=strength)
    weights = sampling_weights(drawn(), np.arange(21), options)
    found = [weights[:16].sum(), weights[16:20].sum(), weights[20]]
    assert found == pytest.approx(shares)
    assert np.ptp(weights[:16]) == pytest.approx(0, abs=1e-15)


def test_weights_follow_the_rows_that_are_asked_for() -> None:
    options = SamplingOptions(balance="treatment", strength=1.0)
    weights = sampling_weights(drawn(), [20, 0, 1], options)
    assert weights == pytest.approx([0.5, 0.25, 0.25])
    assert len(sampling_weights(drawn(), [], options)) == 0
