from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.profiles.rows import InBlocks, places
from tests.profiles.screens import Row, cells, controls, table

from phenovae.base.errors import InputError, MissingExtraError
from phenovae.profiles.harmony import HarmonyOptions, correct
from phenovae.profiles.places import Places
from phenovae.profiles.recipe import Profiles, Recipe, make_profiles

World = tuple[np.ndarray, np.ndarray, np.ndarray, Places]


@pytest.fixture
def harmony() -> None:
    pytest.importorskip("harmonypy")


def world(rows: int = 400) -> World:
    """Two phenotypes far apart on one axis, in two batches that another axis holds apart."""
    random = np.random.default_rng(0)
    batch, phenotype = random.integers(0, 2, (2, rows))
    values = random.normal(size=(rows, 8))
    values[:, 0] += 12 * phenotype - 6
    values[:, 1] += 5 * batch
    return values, batch, phenotype, places([f"{'AB'[each]}1" for each in batch])


def gap(values: np.ndarray, kind: np.ndarray) -> float:
    return float(np.linalg.norm(values[kind == 1].mean(axis=0) - values[kind == 0].mean(axis=0)))


def recipe(at: str, *before: object, level: str = "well") -> Recipe:
    return Recipe.model_validate(
        {
            "levels": [{"level": level}, {"level": "treatment"}],
            "transform_at": at,
            "transforms": [*before, {"name": "harmony"}],
        }
    )


@pytest.mark.usefixtures("harmony")
def test_a_shift_of_batches_goes_and_phenotypes_stay() -> None:
    values, batch, phenotype, where = world()
    found = correct(HarmonyOptions(), values, where)
    for kind in (0, 1):
        here = phenotype == kind
        assert gap(values[here], batch[here]) > 4.5
        assert gap(found[here], batch[here]) < 1.2
    assert gap(found, phenotype) == pytest.approx(gap(values, phenotype), rel=0.05)


@pytest.mark.usefixtures("harmony")
def test_what_is_found_depends_on_no_order_and_no_threads_but_on_the_seed() -> None:
    values, _, _, where = world()
    options = HarmonyOptions(clusters=9)
    found = correct(options, values, where)
    order = np.random.default_rng(1).permutation(len(values))
    names = np.array(["A1", "B1"])[where.groups("batch").codes]
    assert np.array_equal(
        correct(options, values[order], places(names[order].tolist())), found[order]
    )
    with ThreadPoolExecutor(3) as pool:
        again = list(pool.map(lambda _: correct(options, values, where), range(3)))
    assert all(np.array_equal(each, found) for each in again)
    other = correct(HarmonyOptions(clusters=9, seed=1), values, where)
    assert not np.array_equal(other, found)


@pytest.mark.usefixtures("harmony")
def test_one_batch_is_left_as_it_is_and_said(caplog: pytest.LogCaptureFixture) -> None:
    values, *_ = world(30)
    found = correct(HarmonyOptions(), values, places(["A1"] * 15 + ["A2"] * 15))
    assert np.array_equal(found, values)
    assert "all rows are of one batch" in caplog.text
    assert not np.array_equal(
        correct(HarmonyOptions(by="plate"), values, places(["A1"] * 15 + ["A2"] * 15)), values
    )


@pytest.mark.usefixtures("harmony")
def test_too_few_rows_for_the_clusters_are_refused() -> None:
    values, _, _, where = world(12)
    with pytest.raises(InputError, match="12 rows cannot be put into 12 clusters"):
        correct(HarmonyOptions(clusters=12), values, where)
    assert np.isfinite(correct(HarmonyOptions(), values, where)).all()
    with pytest.raises(InputError, match="9 rows cannot be put into 2 clusters"):
        correct(HarmonyOptions(), values[:9], where.take(slice(9)))


def screen() -> tuple[list[Row], np.ndarray]:
    """40 wells of one cell in each of two batches: controls and two treatments."""
    values, batch, phenotype, _ = world(80)
    rows: list[Row] = []
    for number in range(80):
        week = f"Week{batch[number] + 1}"
        plate, well = f"{week}_{number % 4}", f"A{number:02d}"
        if number % 2:
            rows += controls(plate=plate, well=well, batch=week)
        else:
            treated = "ab"[phenotype[number]]
            rows += cells(treated, 1, moa=treated, plate=plate, well=well, batch=week)
    return rows, values


@pytest.mark.usefixtures("harmony")
def test_a_recipe_corrects_all_rows_and_says_so() -> None:
    rows, values = screen()
    made: dict[str, Profiles] = {}
    for at in ("cell", "well"):
        made[at] = make_profiles(table(rows, values), recipe(at, {"name": "z-score"}))
        assert made[at].transductive == ("harmony",)
        assert (made[at].fitted_on, made[at].values.shape) == (40, (2, 8))
    # A well has one cell here, so that both see the same rows.
    np.testing.assert_allclose(made["cell"].values, made["well"].values, atol=1e-9)


@pytest.mark.usefixtures("harmony")
def test_rows_of_unknown_mechanism_take_part_and_no_label_is_looked_at() -> None:
    rows, values = screen()
    whole = make_profiles(table(rows, values), recipe("well"))
    for row in rows:
        if row["Metadata_Compound"] == "b":
            row["Metadata_MoA"] = None
    part = make_profiles(table(rows, values), recipe("well"))
    assert whole.metadata["Metadata_Compound"].tolist() == ["a", "b"]
    assert part.metadata["Metadata_Compound"].tolist() == ["a"]
    assert np.array_equal(part.values, whole.values[:1])


@pytest.mark.usefixtures("harmony")
def test_harmony_alone_needs_no_controls() -> None:
    rows, values = screen()
    for row in rows:
        row["Metadata_Role"] = "treatment"
    found = make_profiles(table(rows, values), recipe("well"))
    assert found.fitted_on == 0
    with pytest.raises(InputError, match="no negative controls"):
        make_profiles(table(rows, values), recipe("well", {"name": "z-score"}))


def test_cells_that_are_read_block_by_block_are_refused() -> None:
    features = InBlocks(table(*screen()), (7,))
    with pytest.raises(InputError, match="harmony needs all rows at once") as said:
        make_profiles(features, recipe("cell"))
    assert "transform_at" in str(said.value)


@pytest.mark.usefixtures("harmony")
def test_wells_of_cells_that_are_read_block_by_block_are_corrected() -> None:
    loaded = table(*screen())
    one = make_profiles(loaded, recipe("well"))
    other = make_profiles(InBlocks(loaded, (7, 20)), recipe("well"))
    np.testing.assert_allclose(one.values, other.values, atol=1e-6)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "harmonypy", None)
    with pytest.raises(MissingExtraError, match=r"harmony needs the package harmonypy") as said:
        correct(HarmonyOptions(), *world(30)[::3])
    assert "phenovae[harmony]" in str(said.value)
