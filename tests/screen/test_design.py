from __future__ import annotations

import pandas as pd
import pytest

from phenovae.screen.design import check_design, treatment_text

Well = tuple[str, str, str, float, str | None]
CHANNELS = ("DAPI", "Tubulin", "Actin")


def sites_of(*wells: Well, per_well: int = 2) -> pd.DataFrame:
    """Sites of wells told as plate, well, compound, dose and mechanism; DMSO and P are controls."""
    roles = {"DMSO": "negative_control", "P": "positive_control"}
    rows = [
        {
            "Metadata_Plate": plate,
            "Metadata_Well": well,
            "Metadata_Batch": plate.partition("_")[0],
            "Metadata_Compound": compound,
            "Metadata_Concentration": dose,
            "Metadata_MoA": moa,
            "Metadata_Role": roles.get(compound, "treatment"),
            "Metadata_Site": site,
            **{f"File_{channel}": f"{plate}/{well}_{site}_{channel}" for channel in CHANNELS},
        }
        for plate, well, compound, dose, moa in wells
        for site in range(1, per_well + 1)
    ]
    return pd.DataFrame(rows)


# Three treatments of two plates each; the two compounds of mechanism m share batch A, the compound
# of n is alone.
SCREEN: tuple[Well, ...] = (
    ("A_1", "B02", "DMSO", 0.0, None), ("A_2", "B02", "DMSO", 0.0, None),
    ("B_1", "B02", "DMSO", 0.0, None), ("B_2", "B02", "DMSO", 0.0, None),
    ("A_1", "B11", "P", 0.3, "m"),
    ("A_1", "C03", "a", 1.0, "m"), ("A_2", "C03", "a", 1.0, "m"),
    ("A_1", "D03", "b", 3.0, "m"), ("A_2", "D03", "b", 3.0, "m"),
    ("B_1", "C03", "c", 0.5, "n"), ("B_2", "C03", "c", 0.5, "n"),
    ("B_1", "E03", "d", 0.5, None),
)  # fmt: skip


def test_a_small_screen_is_counted_by_hand() -> None:
    design = check_design(sites_of(*SCREEN))
    assert (design.sites, design.wells, design.plates, design.batches) == (24, 12, 4, 2)
    assert design.compounds == 5  # P, a, b, c, d
    assert design.channels == CHANNELS
    assert (design.annotated_treatments, design.annotated_compounds) == (3, 3)
    assert (design.annotated_wells, design.mechanisms) == (6, 2)
    assert (design.negative_control_wells, design.positive_control_wells) == (4, 1)
    assert (design.usual_replicates, design.usual_sites, design.usual_images) == (2, 2, 12)
    assert (design.in_one_batch, design.in_one_position) == (3, 3)
    assert design.compounds_in_several_batches == ()
    assert (design.largest_control, design.largest_control_share) == ("DMSO", 0.3333)
    assert design.departures == ()


def test_what_can_be_scored_depends_on_the_rule() -> None:
    wide, narrow = check_design(sites_of(*SCREEN)).scorable
    assert (wide.rule, wide.scorable, wide.total) == ("other-compound", 2, 3)
    assert (wide.unscorable, wide.mechanisms) == (("c 0.5 µM",), ("n",))
    assert (narrow.rule, narrow.scorable, narrow.total) == ("other-compound-and-batch", 0, 3)
    assert narrow.unscorable == ("a 1 µM", "b 3 µM", "c 0.5 µM")
    assert narrow.mechanisms == ("m", "n")


def test_a_treatment_with_fewer_wells_is_named() -> None:
    departures = check_design(sites_of(*SCREEN[:8], *SCREEN[9:])).departures
    assert departures == ("1 treatment has 1 well instead of 2: b 3 µM",)


def test_a_treatment_in_two_batches_or_positions_is_told() -> None:
    more: tuple[Well, ...] = (("A_1", "C04", "c", 0.5, "n"),)
    design = check_design(sites_of(*SCREEN, *more))
    assert (design.in_one_batch, design.in_one_position) == (2, 2)
    assert design.compounds_in_several_batches == ("c",)
    assert design.departures == (
        "1 treatment has 3 wells instead of 2: c 0.5 µM",
        "1 treatment has wells in several batches: c 0.5 µM",
    )


def test_a_treatment_without_some_of_its_images_is_named_with_what_it_has() -> None:
    sites = sites_of(*SCREEN)
    of_a = sites.index[sites["Metadata_Compound"] == "a"]
    sites.loc[of_a[0], "File_Actin"] = None
    expected = "1 treatment has other than 2 × 3 images a well: a 1 µM (11)"
    assert check_design(sites).departures == (expected,)
    assert check_design(sites.drop(index=of_a[0])).departures == (
        "1 treatment has other than 2 × 3 images a well: a 1 µM (9)",
    )


def test_plates_without_a_negative_control_are_named() -> None:
    assert check_design(sites_of(*SCREEN[1:])).departures == (
        "1 plate without a negative control: A_1",
    )
    assert check_design(sites_of(*SCREEN[2:])).departures == (
        "2 plates without a negative control: A_1, A_2",
    )


def test_long_lists_are_cut_short_and_counted() -> None:
    wells: list[Well] = [(f"A_{plate:02d}", "C03", "a", 1.0, "m") for plate in range(20)]
    (text,) = check_design(sites_of(*wells)).departures
    assert text.startswith("20 plates without a negative control: A_00, ")
    assert text.endswith(", A_11 and 8 more")


def test_a_screen_of_unknown_mechanisms_is_described_and_has_nothing_to_score() -> None:
    wells = [(plate, well, name, dose, None) for plate, well, name, dose, _ in SCREEN]
    design = check_design(sites_of(*wells))
    assert (design.annotated_treatments, design.annotated_wells, design.mechanisms) == (0, 0, 0)
    assert [(each.scorable, each.total) for each in design.scorable] == [(0, 0), (0, 0)]
    assert (design.usual_replicates, design.usual_images) == (0, 0)
    assert design.departures == ()


def test_a_screen_without_controls_has_no_largest_control() -> None:
    design = check_design(sites_of(*SCREEN[5:]))
    assert (design.largest_control, design.largest_control_share) == ("", 0.0)


def test_the_order_of_rows_changes_nothing() -> None:
    sites = sites_of(*SCREEN)
    assert check_design(sites.iloc[::-1]) == check_design(sites)


@pytest.mark.parametrize(
    ("dose", "text"), [(0.30, "taxol 0.3 µM"), (10.0, "taxol 10 µM"), (0.1 + 0.2, "taxol 0.3 µM")]
)
def test_a_treatment_is_written_as_a_person_writes_it(dose: float, text: str) -> None:
    assert treatment_text("taxol", dose) == text
