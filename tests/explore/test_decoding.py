"""What sliders do."""

from __future__ import annotations

import numpy as np
import pytest

from phenovae.base.errors import InputError
from phenovae.explore.answers import Answers


def test_a_cell_that_is_not_moved_is_decoded_from_its_posterior_mean(answers: Answers) -> None:
    images = answers.pictures.images([7])
    wanted = answers.decoder.model.reconstruct(images)[0]
    assert np.array_equal(answers.decoded(7, {}, None, 0.0), answers.pictures.planes(wanted))


def test_a_latent_that_is_set_changes_that_latent_alone(answers: Answers) -> None:
    mean = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    way = np.array([1.0, 0.0, 0.0, -2.0], np.float32)
    moved = answers.decoder.moved(mean, {1: -5.0}, way, 0.5)
    assert moved.tolist() == [1.5, -5.0, 3.0, 3.0]
    assert mean.tolist() == [1, 2, 3, 4]


def test_the_way_to_a_drug_is_the_difference_of_means(answers: Answers) -> None:
    table = answers.opened.store.table
    controls = np.flatnonzero(table["Metadata_Compound"] == "DMSO")
    treated = np.flatnonzero(table["Metadata_Compound"] == "gamma")
    wanted = answers.decoder.encode(treated).mean(axis=0) - answers.decoder.encode(controls).mean(
        axis=0
    )
    way = next(each for each in answers.ways if each["compound"] == "gamma")
    assert np.allclose(answers.decoder.toward(int(str(way["treatment"]))), wanted, atol=1e-5)
    assert all(each["compound"] != "DMSO" for each in answers.ways)


@pytest.mark.parametrize("latents", [{4: 1.0}, {0: float("nan")}, {0: float("inf")}])
def test_a_latent_that_is_none_or_no_number_is_refused(
    answers: Answers, latents: dict[int, float]
) -> None:
    with pytest.raises(InputError):
        answers.decoded(0, latents, None, 0.0)


def test_a_treatment_that_is_none_is_refused(answers: Answers) -> None:
    with pytest.raises(InputError, match="no such treatment"):
        answers.decoded(0, {}, 999, 1.0)


def test_latents_are_listed_from_the_most_used(answers: Answers) -> None:
    numbers = [number for number, _ in answers.decoder.usage]
    kl = [each for _, each in answers.decoder.usage if each is not None]
    assert sorted(numbers) == [0, 1, 2, 3]
    assert kl == sorted(kl, reverse=True)


def test_two_latents_are_a_map_of_cells_and_of_wells(answers: Answers) -> None:
    cells = answers.points.cells
    means = answers.decoder.encode(cells.rows)
    assert np.allclose(answers.latent_values.all(), means, atol=1e-5)
    wells = answers.points.levels["wells"]
    found = answers.latent_values.of(wells, "2")
    same = (cells.table["Metadata_Plate"] == wells.table["Metadata_Plate"].iloc[0]) & (
        cells.table["Metadata_Well"] == wells.table["Metadata_Well"].iloc[0]
    )
    assert found[0] == pytest.approx(means[same.to_numpy(), 2].mean(), abs=1e-5)
    for name in ("z:0:9", "z:0", "z:a:b", "z:0:1:2"):
        with pytest.raises(InputError):
            answers.plane("cells", name)
