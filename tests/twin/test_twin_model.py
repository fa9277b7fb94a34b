"""The parametric model: phenotypes, layout, growth, outlines, camera."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from phenovae.twin.camera import CHANNELS, Exposure, expose, exposures
from phenovae.twin.filaments import microtubules, stress_fibres
from phenovae.twin.layout import NEGATIVE_WELLS, POSITIVE_WELLS, dose_series, lay_out
from phenovae.twin.options import TwinOptions
from phenovae.twin.outlines import cell_outlines, cover, nuclear_blobs
from phenovae.twin.phenotypes import hill, phenotypes
from phenovae.twin.population import MARGIN, Cells, Condition, State, grow


def _condition(mechanism: str | None = None, penetrance: float = 1.0) -> Condition:
    known = phenotypes()
    nothing = np.zeros(len(known.names))
    return Condition(known.shift(mechanism) if mechanism else nothing, nothing, penetrance)


def _cells(mechanism: str | None = None, seed: int = 0) -> Cells:
    rng = np.random.Generator(np.random.PCG64(seed))
    return grow(rng, _condition(mechanism), phenotypes(), (480, 480), 150.0)


def test_there_are_twelve_mechanisms_with_the_names_of_the_screen() -> None:
    assert set(phenotypes().mechanisms) == {
        "Actin disruptors",
        "Aurora kinase inhibitors",
        "Cholesterol-lowering",
        "DNA damage",
        "DNA replication",
        "Eg5 inhibitors",
        "Epithelial",
        "Kinase inhibitors",
        "Microtubule destabilizers",
        "Microtubule stabilizers",
        "Protein degradation",
        "Protein synthesis",
    }


def test_every_shift_names_a_known_parameter() -> None:
    known = phenotypes()
    for mechanism, shifts in known.mechanisms.items():
        assert set(shifts) <= set(known.names), mechanism


def test_no_two_mechanisms_do_the_same() -> None:
    known = phenotypes()
    shifts = np.array([known.shift(name) / known.spreads() for name in known.mechanisms])
    shifts /= np.linalg.norm(shifts, axis=1, keepdims=True)
    alike = shifts @ shifts.T
    np.fill_diagonal(alike, 0)
    assert alike.max() < 0.9


def test_half_the_effect_comes_at_the_half_dose() -> None:
    assert hill(0.3, 0.3) == pytest.approx(0.5)
    assert hill(0.0, 0.3) == 0.0
    assert hill(300.0, 0.3) > 0.999


def test_doses_fall_by_half_orders_of_magnitude() -> None:
    assert dose_series(10.0, 5) == (10.0, 3.0, 1.0, 0.3, 0.1)
    assert dose_series(3.0, 3) == (3.0, 1.0, 0.3)


def test_shifts_add_on_the_scale_of_the_parameter() -> None:
    known = phenotypes()
    size = len(known.names)
    shifts = np.zeros((1, size))
    shifts[0, known.names.index("cell_area")] = np.log(2)
    shifts[0, known.names.index("death")] = 40.0
    values = known.values(shifts, np.zeros((1, size)))
    assert values["cell_area"][0] == pytest.approx(2 * known.parameters["cell_area"].base)
    assert values["death"][0] == pytest.approx(1.0)
    assert values["nucleoli"][0] == pytest.approx(known.parameters["nucleoli"].base)


@settings(max_examples=25, deadline=None)
@given(
    batches=st.integers(1, 6),
    layouts=st.integers(1, 3),
    compounds=st.integers(1, 3),
    unannotated=st.integers(0, 12),
    doses=st.integers(1, 8),
)
def test_a_layout_gives_every_compound_its_own_row_of_one_batch(
    batches: int, layouts: int, compounds: int, unannotated: int, doses: int
) -> None:
    if 12 * compounds + unannotated > 6 * batches * layouts:
        with pytest.raises(ValidationError):
            TwinOptions(
                batches=batches, layouts=layouts, compounds=compounds, unannotated=unannotated
            )
        return
    options = TwinOptions(
        batches=batches,
        layouts=layouts,
        compounds=compounds,
        unannotated=unannotated,
        doses=doses,
        annotated_doses=1,
    )
    layout = lay_out(options, phenotypes(), 3)
    assert len(layout.plates) == batches * layouts * options.replicates
    assert len({plate.name for plate in layout.plates}) == len(layout.plates)
    homes: dict[str, set[tuple[str, str]]] = {}
    for plate in layout.plates:
        names = [well.name for well in plate.wells]
        assert len(names) == len(set(names))
        for well in plate.wells:
            homes.setdefault(well.compound.name, set()).add((plate.batch, well.name[0]))
    for compound in layout.compounds:
        assert len(homes[compound.name]) == 1


def test_the_controls_sit_where_the_real_screen_has_them() -> None:
    options = TwinOptions(negative_controls=6, positive_controls=6, doses=8)
    for plate in lay_out(options, phenotypes(), 0).plates:
        wells = {well.name: well.compound.name for well in plate.wells}
        assert [wells[name] for name in NEGATIVE_WELLS] == ["DMSO"] * 6
        assert [wells[name] for name in POSITIVE_WELLS] == ["taxol"] * 6
        assert len(wells) == 60


def test_only_the_named_mechanisms_keep_to_one_batch() -> None:
    known = phenotypes()
    layout = lay_out(TwinOptions(), known, 0)
    batches: dict[str, set[str]] = {}
    for compound in layout.compounds:
        assert compound.mechanism is not None
        batches.setdefault(compound.mechanism, set()).add(compound.batch)
    assert {name for name, used in batches.items() if len(used) == 1} == set(known.single_batch)


def test_more_annotated_doses_than_doses_are_refused() -> None:
    with pytest.raises(ValidationError, match="annotated_doses"):
        TwinOptions(doses=1, annotated_doses=2)


def test_nuclei_keep_their_distance() -> None:
    cells = _cells()
    gaps = np.hypot(
        cells.row[:, None] - cells.row[None, :], cells.column[:, None] - cells.column[None, :]
    )
    np.fill_diagonal(gaps, np.inf)
    radius = cells.nuclear_radius
    assert (gaps > radius[:, None] + radius[None, :]).all()


def test_a_crowded_field_leaves_out_the_cells_that_find_no_room() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    cells = grow(rng, _condition(), phenotypes(), (160, 160), 4000.0)
    assert 1 <= len(cells) < 200
    assert all(len(value) == len(cells) for value in cells.values.values())


def test_eg5_inhibition_makes_monoasters_and_dmso_almost_none() -> None:
    treated = [state for seed in range(5) for state in _cells("Eg5 inhibitors", seed).state]
    untreated = [state for seed in range(5) for state in _cells(None, seed).state]
    assert np.mean(np.array(treated) == State.MONOASTER) > 0.1
    assert np.mean(np.array(untreated) == State.MONOASTER) < 0.02


def test_the_share_of_responding_cells_is_the_penetrance() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    cells = grow(rng, _condition("DNA damage", 0.6), phenotypes(), (2000, 2000), 150.0)
    assert cells.responds.mean() == pytest.approx(0.6, abs=0.08)


def test_every_nucleus_lies_in_its_own_cell() -> None:
    cells = _cells("Microtubule destabilizers")
    rng = np.random.Generator(np.random.PCG64(1))
    size = (480 + 2 * MARGIN, 480 + 2 * MARGIN)
    ground = cover(cells, cell_outlines(rng, cells), nuclear_blobs(rng, cells), size)
    inside = ground.nuclei > 0
    assert (ground.cells[inside] == ground.nuclei[inside]).all()
    assert (ground.depth[ground.cells > 0] > 0).all()
    assert set(np.unique(ground.nuclei)) <= set(range(len(cells) + 1))


@pytest.mark.parametrize("draw", [microtubules, stress_fibres])
def test_filaments_of_a_cell_sum_to_one(draw: object) -> None:
    cells = _cells()
    rng = np.random.Generator(np.random.PCG64(1))
    size = (480 + 2 * MARGIN, 480 + 2 * MARGIN)
    ground = cover(cells, cell_outlines(rng, cells), nuclear_blobs(rng, cells), size)
    assert draw in (microtubules, stress_fibres)
    image = (microtubules if draw is microtubules else stress_fibres)(rng, cells, ground)
    covered = np.unique(ground.cells[ground.cells > 0])
    assert image.min() >= 0
    assert image.sum() == pytest.approx(len(covered), rel=0.02)


def test_the_light_has_mean_one_and_is_flat_when_asked() -> None:
    uneven = exposures("Week1_90111", "Week1", TwinOptions(), 0)
    flat = exposures("Week1_90111", "Week1", TwinOptions(illumination=0), 0)
    for channel in CHANNELS:
        assert uneven[channel].light.mean() == pytest.approx(1, abs=1e-5)
        assert np.ptp(uneven[channel].light) > 0.05
        np.testing.assert_array_equal(flat[channel].light, 1)


def test_plates_of_a_batch_are_more_alike_than_batches() -> None:
    small = TwinOptions(height=128, width=128)

    def gain(batch: int, plate: int) -> float:
        return exposures(f"Week{batch}_{plate}", f"Week{batch}", small, 0)["Actin"].gain

    gains = np.log([[gain(batch, plate) for plate in range(6)] for batch in range(40)])
    assert gains.std(axis=1).mean() < gains.mean(axis=1).std()


def test_without_batch_effect_all_plates_are_taken_alike() -> None:
    options = TwinOptions(batch_effect=0)
    taken = [exposures(name, name, options, 0)["DAPI"] for name in ("Week1", "Week2")]
    assert taken[0].gain == taken[1].gain == 1.0
    assert taken[0].blur == taken[1].blur
    assert taken[0].offset == taken[1].offset


@settings(max_examples=20, deadline=None)
@given(level=st.floats(0, 1e5), seed=st.integers(0, 1000))
def test_counts_are_twelve_bits_in_sixteen(level: float, seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    light = np.full((16, 16), level, dtype=np.float32)
    how = Exposure(1.0, 24.0, 18.0, 0.7, np.ones((16, 16), dtype=np.float32))
    counts = expose(rng, light, how, 1.0)
    assert counts.dtype == np.uint16
    assert (counts % 16 == 0).all()
    assert counts.max() <= 4095 * 16


def test_noise_grows_with_the_square_root_of_the_light() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    how = Exposure(1.0, 24.0, 0.0, 0.7, np.ones((200, 200), dtype=np.float32))
    dark = expose(rng, np.zeros((200, 200), dtype=np.float32), how, 1.0) / 16
    bright = expose(rng, np.full((200, 200), 1000, dtype=np.float32), how, 1.0) / 16
    assert dark.mean() == pytest.approx(24, abs=0.1)
    assert dark.std() == pytest.approx(1.9, abs=0.15)
    assert bright.var() == pytest.approx(1.9**2 + 90, rel=0.08)
