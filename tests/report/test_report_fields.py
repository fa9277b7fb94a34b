from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from phenovae.cells.refusals import Refusal, refusal_frame
from phenovae.figures.fields import FieldPicture
from phenovae.report.build import render
from phenovae.report.content import ReportContent
from phenovae.report.facts import design_facts, run_facts
from phenovae.report.field_content import FieldContent
from phenovae.report.fields import error_table, field_facts, field_part, unmatched_table
from phenovae.report.limits import limit_sentences
from phenovae.report.tables import score_tables
from phenovae.screen import unmatched

pytestmark = pytest.mark.usefixtures("undrawn")

SCRIPT = "<script>alert(1)</script>"


def text_of(content: ReportContent) -> str:
    """The words of the page."""
    plain = re.sub(r"<style>.*?</style>|<[^>]*>", " ", render(content), flags=re.DOTALL)
    return " ".join(plain.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture
def content(bare_content: ReportContent, field_content: FieldContent) -> ReportContent:
    """A run of which nothing is known but its fields."""
    return replace(bare_content, fields=field_content)


def test_parts_of_fields_and_nuclei_add_up_to_their_whole(field_content: FieldContent) -> None:
    facts = {
        name: int(re.match(r"[\d,]+", text).group().replace(",", ""))  # type: ignore[union-attr]
        for name, text in field_facts(field_content)
    }
    assert facts["fields in the tables"] == 16
    assert facts["fields with images"] == 11
    assert facts["fields read"] + facts["fields that could not be used"] == 11
    assert facts["fields thrown out"] == 3
    assert facts["nuclei found"] == 100
    assert sum(count for name, count in facts.items() if name.startswith("of these")) == 100


def test_the_section_on_fields_says_what_became_of_them(content: ReportContent) -> None:
    text = text_of(content)
    for said in (
        "Fields, and what was found in them",
        "3 (focus 2, focus and noise 1)",
        "of these, cut by the border of a field 20 (20.0 %)",
        "P1 B02, site 1, taxol 1 µM: 2 nuclei (1 kept, 1 cut by the border).",
        "field field_1.",
        "1 of 3 fields that were thrown out",
        "Light over the fields of P1, told from 16 fields.",
        "DAPI 2 20.0 % 5.0 % 4.0 %",
        "Taken as even, for 1 of 3 channels of plates: too few fields (dark DAPI).",
        "1 field that could not be used plate well site reason P1 C03 2 no image of Actin",
        "12 files found by their names.",
        "plate without images 4",
        "What has no partner: 5 in all",
        "plate without images P9 4 none of its 4 sites has an image",
        "site without images P1 B02 3 1 no channel has an image",
        "1 of 11 fields with images could not be used",
        "The light was taken as even for 1 of 3 channels of plates",
    ):
        assert said in text, said
    assert "kept nuclei" in text
    assert "inputs refused" not in text


def test_a_run_on_crops_has_no_section_on_fields(bare_content: ReportContent) -> None:
    crops = replace(bare_content, imported={"refused": 2})
    assert field_part(crops) is None
    text = render(crops)
    assert 'id="fields"' not in text
    assert "inputs refused" in text


def test_names_in_fields_are_escaped(content: ReportContent) -> None:
    told = content.fields
    assert told is not None
    lights = told.light
    assert lights is not None
    gone = unmatched.Unmatched(unmatched.Kind.WELL, SCRIPT, SCRIPT, SCRIPT, file=SCRIPT)
    refused = Refusal("segment", SCRIPT, SCRIPT, plate=SCRIPT, well=SCRIPT, site=1)
    example = replace(told.examples[0], field=SCRIPT, place=SCRIPT, treatment=SCRIPT)
    hostile = replace(
        told,
        channels=(SCRIPT, "Tubulin", "$x_$"),
        flags={SCRIPT: 3},
        errors=refusal_frame([refused]),
        unmatched=unmatched.unmatched_table([gone]),
        dropped={SCRIPT: 1},
        notes=[SCRIPT],
        examples=[example],
        missing_examples=[SCRIPT],
        thrown=[replace(told.thrown[0], title=SCRIPT, reason="$\\frac{$" + SCRIPT)],
        missing_thrown=[SCRIPT],
        light=replace(
            lights,
            plates={SCRIPT: {SCRIPT: next(iter(lights.plates.values()))["DAPI"]}},
            table=lights.table.assign(
                Metadata_Plate=SCRIPT, Channel=SCRIPT, Light_Fallback=["", "", SCRIPT]
            ),
        ),
    )
    page = render(replace(content, fields=hostile, skipped={"train": SCRIPT}))
    assert page.lower().count("<script") == 1  # our own
    assert page.count("&lt;script&gt;") > 20


def test_tables_beyond_their_first_rows_are_counted(field_content: FieldContent) -> None:
    gone = [unmatched.Unmatched(unmatched.Kind.SITE, "r", "P", "B02", n + 1) for n in range(60)]
    table = unmatched_table(replace(field_content, unmatched=unmatched.unmatched_table(gone)))
    assert table is not None
    assert table.columns == ("what", "plate", "well", "site", "count", "reason")
    assert len(table.rows) == 50
    assert "60 in all; the first 50 of 60 rows, unmatched.parquet has all" in table.caption
    refused = refusal_frame([Refusal("segment", f"f{n}", "gone", plate="P") for n in range(51)])
    errors = error_table(replace(field_content, errors=refused))
    assert errors is not None
    assert (
        errors.caption == "51 fields that could not be used; the first 50, errors.parquet has all"
    )
    assert errors.rows[0] == ("P", "", "", "gone")


def test_a_screen_without_anything_amiss_says_so(content: ReportContent) -> None:
    told = content.fields
    assert told is not None
    clean = replace(
        told,
        tabled=None,
        found=10,
        flags={},
        thrown=(),
        errors=told.errors.iloc[:0],
        unmatched=told.unmatched.iloc[:0],
        dropped={},
        notes=(),
        fates={"kept": 4},
        examples=(),
    )
    text = text_of(replace(content, fields=clean))
    for said in (
        "No field was thrown out.",
        "Every image has its metadata, and all metadata have their images.",
        "No field was good enough to be shown",
    ):
        assert said in text, said
    assert "fields in the tables" not in text
    assert "could not be used;" not in text


def test_images_that_are_gone_are_a_sentence(content: ReportContent) -> None:
    told = content.fields
    assert told is not None
    gone = "There is no picture of P1 B02, site 1: there is no such image."
    bare = replace(
        told,
        examples=(),
        missing_examples=[gone],
        thrown=(),
        missing_thrown=[gone],
        light=None,
        missing_light="The light is not shown: there is no P1.npz.",
    )
    text = text_of(replace(content, fields=bare))
    assert text.count(gone) == 2
    assert "The light is not shown: there is no P1.npz." in text


def test_fields_that_were_flagged_and_kept_are_not_called_thrown_out(
    content: ReportContent,
) -> None:
    told = content.fields
    assert told is not None
    text = text_of(replace(content, fields=replace(told, flagged_kept=True, fates={"kept": 9})))
    assert "fields flagged, and kept 3" in text
    assert "1 of 3 fields that were flagged" in text
    assert "thrown out" not in text


def test_tiles_are_not_called_cells(
    full_content: ReportContent, field_content: FieldContent
) -> None:
    told = field_content
    tiles = replace(
        told,
        layout="grid",
        fates={"kept": 2},
        examples=[replace(told.examples[0], fates={"kept": 2})],
    )
    text = text_of(replace(full_content, fields=tiles))
    for said in (
        "Nuclei were not told apart: fields were cut into tiles side by side",
        "Tiles, and what the model keeps of them",
        "tiles found 2",
        "2 tiles (all kept)",
        "the mechanism of a single tile of a compound it has not seen",
        "4 held-out tiles",
        "8 treatments, 56 tiles; profiles by",
        "tiles in the store",
        "The scored tiles are the ones of the training",
        "chance p tiles remark",
    ):
        assert said in text, said
    assert "held-out cells" not in text


def test_what_was_not_possible_is_declared(full_content: ReportContent) -> None:
    assert limit_sentences(replace(full_content, design={})) == []
    (one,) = limit_sentences(full_content)
    assert one.startswith("All plates are of one batch: NSCB")
    records = [{**each, "protocol": "cells-mean+fit-all"} for each in full_content.records]
    without = {"negative_control_wells": 0, "batches": 2}
    (told,) = limit_sentences(replace(full_content, records=records, design=without))
    assert told.startswith("The screen has no negative controls: transforms of profiles and the")
    assert "The scores of cells-mean+fit-all are another quantity" in told
    (asked,) = limit_sentences(
        replace(full_content, records=records, design={**without, "negative_control_wells": 4})
    )
    assert asked.startswith("As the configuration asks, transforms of profiles were fitted on all")
    (bare,) = limit_sentences(replace(full_content, records=(), design=without))
    assert bare == "The screen has no negative controls."


def test_stages_that_had_nothing_to_do_are_named_once_a_reason(
    full_content: ReportContent, bare_content: ReportContent
) -> None:
    skipped = {"illuminate": "illumination.method is none", "train": "one treatment",
               "embed": "one treatment", "evaluate": "one treatment"}  # fmt: skip
    said = limit_sentences(replace(full_content, design={}, skipped=skipped))
    assert said == [
        "Not done: train, embed and evaluate; one treatment.",
        "Uneven light was not corrected: illumination.method is none.",
    ]
    text = text_of(replace(bare_content, skipped=skipped, published=full_content.published))
    assert "What was not possible" in text
    assert "Published results" not in text
    assert "Nothing was scored: one treatment." in text
    assert "Labels used in training" not in text


@pytest.mark.drawn
@pytest.mark.slow
def test_pictures_of_fields_are_small(content: ReportContent) -> None:
    told = content.fields
    assert told is not None
    random = np.random.default_rng(2)
    noise = FieldPicture("P1", "noise", random.random((3, 192, 192)).astype(np.float32))
    overlay = told.examples[0].overlay
    finer = np.zeros((1280, 1280), bool)
    large = replace(
        overlay,
        image=random.random((3, 640, 640)).astype(np.float32),
        kept=finer, left_out=finer, bodies=finer,
    )  # fmt: skip
    worst = replace(
        told,
        thrown=[noise] * 12,
        examples=[replace(told.examples[0], overlay=large)] * 3,
    )
    part = field_part(replace(content, fields=worst))
    assert part is not None
    shown = [*part.outlines.pictures, *part.thrown.pictures, *part.light.pictures]
    assert all(each.width <= 1200 for each in shown)
    # noise is the worst there is; fields of cells need a fifth of it
    assert sum(len(each.address) for each in shown) < 14e6


def test_the_light_of_many_plates_is_shown_plate_beside_plate(content: ReportContent) -> None:
    told = content.fields
    assert told is not None
    assert told.light is not None
    few = field_part(content)
    rows = [told.light.table.assign(Metadata_Plate=f"P{number}") for number in range(4)]
    many = replace(told.light, table=pd.concat(rows, ignore_index=True))
    part = field_part(replace(content, fields=replace(told, light=many)))
    assert few is not None
    assert part is not None
    added = len(part.light.pictures) - len(few.light.pictures)
    assert added == 1
    assert "each of 4 plates" in part.light.pictures[0].caption


def test_light_that_a_batch_has_lent_is_told_and_is_a_limit(content: ReportContent) -> None:
    told = content.fields
    assert told is not None
    assert told.light is not None
    reasons = ["3 fields, and 8 are needed", "", ""]
    lent = replace(told.light, table=told.light.table.assign(Light_Lent=reasons))
    text = text_of(replace(content, fields=replace(told, light=lent)))
    assert (
        "That of the whole batch, for 1 of 3 channels of plates: 3 fields, and 8 are needed "
        "(P1 DAPI)." in text
    )
    assert "The light was told from the whole batch for 1 of 3 channels of plates" in text


def test_light_without_a_function_has_no_picture(content: ReportContent) -> None:
    told = content.fields
    assert told is not None
    assert told.light is not None
    flat = replace(
        told.light,
        plates={},
        table=told.light.table.assign(Light_Fallback="too few", Light_FlatnessBefore=np.nan),
    )
    part = field_part(replace(content, fields=replace(told, light=flat)))
    assert part is not None
    assert part.light.missing == ["No plate has a light function, so there is none to show."]
    assert part.flatness is None
    assert part.even == ["Taken as even, for 3 of 3 channels of plates: too few "
                         "(P1 DAPI, P2 DAPI, dark DAPI)."]  # fmt: skip
    assert isinstance(flat.table, pd.DataFrame)


def test_facts_of_what_was_not_done_are_left_out(full_content: ReportContent) -> None:
    untrained = replace(full_content, skipped={"train": "one treatment"})
    assert "model" in dict(run_facts(full_content))
    assert "model" not in dict(run_facts(untrained))
    assert "a usual treatment" in dict(design_facts(full_content.design))
    bare = dict(design_facts({**full_content.design, "annotated_treatments": 0}))
    assert "control wells" in bare
    assert "a usual treatment" not in bare


def test_a_protocol_fitted_on_all_wells_says_so_above_its_scores(
    full_content: ReportContent,
) -> None:
    records = [{**each, "protocol": "cells-mean+fit-all"} for each in full_content.records]
    (table,) = score_tables(replace(full_content, records=records))
    assert table.caption.endswith("means of cells. Here all wells stand in for negative controls.")
    assert "all wells" not in score_tables(full_content)[0].caption
