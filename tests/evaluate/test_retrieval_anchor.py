"""Mean average precision of the features published with Ljosa et al. 2013, and beside copairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.evaluate.ljosa import percentiles, read_wells, treatment_means, whitened
from tests.evaluate.worlds import NSC, NSCB

from phenovae.evaluate.retrieval import Retrieval, mechanism_retrieval, replicate_retrieval
from phenovae.screen.partners import Rule

Wells = tuple[pd.DataFrame, np.ndarray]


@pytest.fixture(scope="module")
def wells(public_data: Path) -> Wells:
    return read_wells(public_data)


def by_mechanism(
    wells: pd.DataFrame, values: np.ndarray, rule: Rule, *, mask: bool, keep: bool = False
) -> Retrieval:
    treatments, means = treatment_means(wells, values)
    return mechanism_retrieval(
        treatments, means, rule, mask_negatives=mask, unscorable_as_candidates=keep, seed=0,
        draws=500,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "mask", "queries", "mean", "of_groups"),
    [
        (NSC, True, 103, 0.8142, 0.7862),
        (NSCB, True, 92, 0.7410, 0.7142),
        (NSCB, False, 92, 0.7285, 0.7054),
    ],
)
def test_whitened_z_scores_reach_the_figures_of_another_implementation(
    wells: Wells, rule: Rule, mask: bool, queries: int, mean: float, of_groups: float
) -> None:
    found = by_mechanism(wells[0], whitened(*wells), rule, mask=mask)
    assert (len(found.rows), len(found.unasked)) == (queries, 103 - queries)
    assert found.mean == pytest.approx(mean, abs=5e-5)
    assert found.mean_of_groups == pytest.approx(of_groups, abs=5e-5)
    assert found.tied == 0


@pytest.mark.parametrize(("rule", "mean"), [(NSC, 0.7361), (NSCB, 0.6759)])
def test_percentiles_reach_the_figures_of_another_implementation(
    wells: Wells, rule: Rule, mean: float
) -> None:
    found = by_mechanism(wells[0], percentiles(*wells), rule, mask=True)
    assert found.mean == pytest.approx(mean, abs=5e-5)


def test_replicates_of_every_treatment_are_asked_for(wells: Wells) -> None:
    found = replicate_retrieval(wells[0], whitened(*wells), seed=0)
    assert (len(found.rows), len(found.groups), len(found.unasked)) == (302, 103, 0)
    # Six controls a plate, one or two replicates elsewhere: no p can be smaller than 1/28.
    assert found.rows["Negatives"].unique().tolist() == [6]
    assert sorted(found.groups["Smallest_P"].unique()) == pytest.approx([1 / 28, 1 / 7])
    assert found.mean > 0.95
    assert found.expected < 0.45


@pytest.mark.parametrize("rule", [NSC, NSCB])
def test_every_query_has_the_average_precision_of_copairs(
    wells: Wells, rule: Rule, tmp_path: Path
) -> None:
    copairs = pytest.importorskip("copairs.map")
    treatments, means = treatment_means(wells[0], whitened(*wells))
    table = treatments.assign(Batch=[next(iter(each)) for each in treatments["Batches"]])
    other = ["Metadata_Compound"] if rule == NSC else ["Metadata_Compound", "Batch"]
    theirs = copairs.average_precision(
        table.drop(columns="Batches"), means, pos_sameby=["Metadata_MoA"], pos_diffby=other,
        neg_sameby=[], neg_diffby=["Metadata_MoA"], progress_bar=False,
    )  # fmt: skip
    ours = by_mechanism(wells[0], whitened(*wells), rule, mask=False, keep=True)
    asked = theirs.iloc[ours.rows["Row"].to_numpy()]
    assert ours.rows["Average_Precision"].to_numpy() == pytest.approx(
        asked["average_precision"].to_numpy()
    )
    assert ours.rows["Positives"].tolist() == asked["n_pos_pairs"].tolist()
    assert (theirs["n_pos_pairs"] == 0).sum() == len(ours.unasked)
    groups = copairs.mean_average_precision(
        theirs, ["Metadata_MoA"], null_size=500, threshold=0.05, seed=0, progress_bar=False,
        cache_dir=tmp_path,
    ).set_index("Metadata_MoA")  # fmt: skip
    mine = ours.groups.set_index("Group")
    assert mine["Mean_Average_Precision"].to_dict() == pytest.approx(
        groups["mean_average_precision"].to_dict()
    )
    # Theirs draw rankings of their own, so that their p are others, about alike.
    assert mine["P_Value"].to_dict() == pytest.approx(groups["p_value"].to_dict(), abs=0.08)
    assert mine["P_Adjusted"].to_dict() == pytest.approx(
        groups["corrected_p_value"].to_dict(), abs=0.09
    )
