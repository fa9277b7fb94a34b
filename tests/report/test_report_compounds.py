"""Compounds, plates, maps and misses of a report, by what stands in them."""

from __future__ import annotations

import io
from base64 import b64decode
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from phenovae.report.anchors import Anchors, Link
from phenovae.report.compound_content import CompoundsContent
from phenovae.report.compounds import CompoundPart, compound_part
from phenovae.report.content import ReportContent
from phenovae.report.misses import misses
from phenovae.report.outcomes import treatment_maps
from phenovae.report.plate_maps import plate_part
from phenovae.report.score_plot import score_plot
from phenovae.report.strips import strip, strips_within
from phenovae.report.summary import summary_paragraphs
from phenovae.report.unannotated import Known, most_like
from phenovae.report.verdicts import Verdicts
from phenovae.screen.design import treatment_text


def part_of(content: ReportContent) -> CompoundPart:
    found = compound_part(content, Verdicts(content), Anchors(content))
    assert found is not None
    return found


def test_a_strip_has_its_crops_side_by_side() -> None:
    crops = np.zeros((3, 10, 12, 3), np.uint8)
    crops[1] = 255
    made = strip(crops)
    data = b64decode(made.address.partition("base64,")[2])
    image = np.asarray(PIL.Image.open(io.BytesIO(data)).convert("L"), dtype=int)
    assert image.shape == (10, 3 * 12 + 2 * 2)
    assert image[:, 16:24].min() > 200
    assert image[:, 0:8].max() < 60
    assert made.count == 3
    assert made.width / made.height == pytest.approx(40 / 10, rel=0.02)


def test_strips_stay_within_their_budget() -> None:
    random = np.random.default_rng(0)
    rows = [random.integers(0, 255, (6, 16, 16, 3)).astype(np.uint8) for _ in range(20)]
    rows[3] = rows[3][:0]
    whole, most = strips_within(rows)
    assert most == 6
    assert [each.count if each else 0 for each in whole] == [6] * 3 + [0] + [6] * 16
    size = sum(len(each.address) for each in whole if each)
    fewer, count = strips_within(rows, size // 2)
    assert 1 <= count < 6
    assert sum(len(each.address) for each in fewer if each) <= size // 2
    assert all(each is not None for n, each in enumerate(fewer) if n != 3)
    few, count = strips_within(rows, 3000)
    assert count == 1
    assert 0 < sum(each is not None for each in few) < 19
    assert few[0] is not None
    assert few[-1] is None


def test_a_compound_has_its_doses_verdicts_and_neighbours(full_content: ReportContent) -> None:
    part = part_of(full_content)
    assert part.metrics == ["NSC"]
    first = part.compounds[0]
    assert (first.name, first.anchor) == ("drug 0", Anchors(full_content).of_compound("drug 0"))
    assert [dose.name for dose in first.doses] == ["0.3 µM", "1 µM"]
    assert first.doses[0].outcomes == [None]
    outcome = first.doses[1].outcomes[0]
    assert outcome is not None
    row = full_content.neighbours.set_index("Treatment").loc["drug 0 1 µM"]
    assert outcome.nearest[0].name == row["Neighbour"]
    assert isinstance(outcome.nearest[0].name, Link)
    assert len(outcome.nearest) == 3
    assert outcome.state == ("right" if row["Right"] else "wrong")
    assert first.verdict == f"{row['Right']:g} of 1 right"
    unknown = part.compounds[-1]
    assert (unknown.name, unknown.verdict) == ("unknown", "not scored")
    assert "6 of its 14 cells, below DMSO on P1, each 45 µm wide" in first.caption


def test_a_compound_of_no_mechanism_is_told_what_it_is_most_like(
    full_content: ReportContent,
) -> None:
    label = Verdicts(full_content).headline
    doses = [dose.concentration for dose in full_content.compounds.compounds[-1].doses]
    alike = pd.DataFrame(
        {
            "Protocol": [label, label, "other@1"],
            "Treatment": treatment_text("unknown", doses[0]),
            "Rank": [2, 1, 1],
            "Neighbour": ["drug 1 1 µM", "drug 0 1 µM", "drug 2 1 µM"],
            "Neighbour_MoA": ["Y", "X", "Z"],
            "Similarity": [0.5, 0.9, 0.7],
        }
    )
    content = replace(full_content, unannotated=alike)
    unknown = part_of(content).compounds[-1]
    assert (unknown.verdict, unknown.state) == ("most like X", "none")
    told = unknown.doses[0].outcomes[0]
    assert told is not None
    assert [(each.mechanism, each.likeness, each.right) for each in told.nearest] == [
        ("X", "0.900", False),
        ("Y", "0.500", False),
    ]
    assert isinstance(told.nearest[0].name, Link)
    said = {each.topic: each.text for each in summary_paragraphs(content)}
    assert said["Not known"].startswith("1 treatment of no known mechanism")
    assert "Not known" not in {each.topic for each in summary_paragraphs(full_content)}
    without = part_of(replace(content, records=(), neighbours=pd.DataFrame()))
    assert without.metrics == ["nearest"]
    assert without.compounds[-1].doses[0].outcomes[0] is not None


def test_doses_that_are_like_unlike_mechanisms_are_told_as_such() -> None:
    one, other = Known("a", "X", 0.9), Known("b", "Y", 0.9)
    assert most_like([[one], [one, other], [other]]) == "most like X (2 of 3 doses)"
    assert most_like([[one], [other]]) == "no two doses most like one mechanism"
    assert most_like([]) == ""


def test_without_scores_compounds_show_their_cells(full_content: ReportContent) -> None:
    part = part_of(replace(full_content, records=(), neighbours=pd.DataFrame()))
    assert part.metrics == []
    assert {each.verdict for each in part.compounds} == {"not scored"}
    assert all(each.control is not None for each in part.compounds)
    nothing = replace(full_content, compounds=CompoundsContent())
    assert compound_part(nothing, Verdicts(nothing), Anchors(nothing)) is None


def test_a_neighbour_that_the_profiles_do_not_give_has_no_ranking(
    full_content: ReportContent,
) -> None:
    verdicts = Verdicts(full_content).by("NSC")
    assert len(verdicts) == 8
    assert all(each.ranking is not None for each in verdicts.values())
    moved = replace(
        full_content,
        neighbours=full_content.neighbours.assign(
            Similarity=full_content.neighbours["Similarity"] / 2
        ),
    )
    assert all(each.ranking is None for each in Verdicts(moved).by("NSC").values())
    assert Verdicts(full_content).by("NSCB") == {}


def test_misses_tell_the_first_right_neighbour_and_its_place(full_content: ReportContent) -> None:
    wrong = [each for each in Verdicts(full_content).by("NSC").values() if each.right == 0]
    missed = [
        {"treatment": each.treatment, "moa": each.mechanism, "neighbour": each.neighbour,
         "predicted": each.predicted, "similarity": each.likeness}
        for each in wrong
    ]  # fmt: skip
    content = replace(full_content, records=[{**full_content.records[0], "misses": missed}])
    (found,) = misses(content, Verdicts(content), Anchors(content))
    assert len(found.table.rows) == len(wrong) > 0
    ranking = wrong[0].ranking
    assert ranking is not None
    assert ranking.first_right is not None
    assert found.table.rows[0][5] == ranking.first_right.treatment
    assert found.table.rows[0][7] == f"{ranking.rank} of 7"
    ranks = [each.ranking.rank for each in wrong if each.ranking and each.ranking.rank]
    assert f"{sum(rank <= 2 for rank in ranks)} had a treatment" in found.sentences[0]


def test_a_map_marks_every_treatment_in_every_way(full_content: ReportContent) -> None:
    maps = treatment_maps(full_content, Verdicts(full_content), Anchors(full_content), 0)
    (drawn,) = maps.maps
    assert [each.name for each in drawn.colourings] == [
        "mechanism", "compound", "batch", "verdict (NSC)",
    ]  # fmt: skip
    assert [len(each.key) for each in drawn.colourings[:3]] == [2, 8, 2]
    assert all(sum(entry.count for entry in each.key) == 8 for each in drawn.colourings)
    verdicts = Verdicts(full_content).by("NSC")
    for number, point in enumerate(drawn.points):
        told = verdicts[f"drug {number} 1 µM"]
        assert drawn.left <= point.x <= drawn.right
        assert drawn.top <= point.y <= drawn.bottom
        assert point.state == told.state
        assert point.neighbour == int(told.neighbour.split()[1])
        assert point.anchor == Anchors(full_content).of_compound(f"drug {number}")
    across = [(tick.at, float(tick.text.replace("−", "-"))) for tick in drawn.across]
    slopes = {round((b[0] - a[0]) / (b[1] - a[1]), 1) for a, b in pairwise(across)}
    assert len(slopes) == 1


def test_scores_without_an_interval_are_not_drawn(full_content: ReportContent) -> None:
    plot = score_plot(full_content)
    assert plot is not None
    rows = [row for group in plot.groups for row in group.rows]
    assert [row.name for row in rows] == [
        "NSC, model", "NSC, intensity", "NSCB, model", "cell probe, model",
    ]  # fmt: skip
    assert all(row.low < row.at < row.high for row in rows)
    assert "5 of 8 = 62.5" in rows[0].title
    assert score_plot(replace(full_content, records=())) is None


def test_plates_are_mapped_by_cells_and_by_what_was_left_out(full_content: ReportContent) -> None:
    part = plate_part(full_content)
    assert part is not None
    assert [each.name for each in part.measures] == [
        "Cells a well", "Fields thrown out", "Noise of crops",
    ]  # fmt: skip
    cells, thrown, noise = part.measures
    assert [plate.plate for plate in cells.plates] == ["P2", "P10"]
    assert [(well.x, well.y) for well in cells.plates[0].wells] == [(14, 14), (29, 29), (179, 119)]
    assert [well.shade for well in cells.plates[0].wells] == [8, 4, 0]
    assert [well.shade for well in thrown.plates[0].wells] == [0, 2, 8]
    assert [well.shade for well in noise.plates[0].wells] == [8, 0, None]
    assert [well.control for well in cells.plates[0].wells] == [True, False, False]
    assert cells.plates[0].wells[1].title == "B02: taxol 1 µM; 45 cells"
    assert "from 0 cells to 90 cells, median 45 cells" in cells.plates[0].alt
    assert part.table.rows[0][:5] == ("P2", "Week1", "3", "135", "0 to 90")


def test_wells_without_a_place_are_named_and_large_plates_fit(full_content: ReportContent) -> None:
    wells = full_content.wells.assign(Metadata_Well=["A01", "?", "P24"] * 2)
    part = plate_part(replace(full_content, wells=wells))
    assert part is not None
    assert part.missing == ["Wells of such names have no place on a map: ?."]
    plate = part.measures[0].plates[0]
    assert (plate.side, plate.width, plate.height) == (8, 14 + 24 * 8, 14 + 16 * 8)
    assert plate_part(replace(full_content, wells=pd.DataFrame())) is None


def test_a_few_wells_far_above_all_others_do_not_make_these_pale(
    full_content: ReportContent,
) -> None:
    wells = pd.concat([full_content.wells.iloc[[1]].assign(Metadata_Well=f"B{n:02d}", Cells=10 + n)
                       for n in range(1, 13)] * 3, ignore_index=True)  # fmt: skip
    wells.loc[0, "Cells"] = 1000
    part = plate_part(replace(full_content, wells=wells))
    assert part is not None
    assert part.measures[0].most == "22 cells or more"
