from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from phenovae.screen.bbbc021.knowledge import rules
from phenovae.screen.roles import PositiveControl, RoleRules, TreatmentWells, assign_roles

Well = tuple[str, str, str, float]


def table(*wells: Well) -> pd.DataFrame:
    columns = [
        "Metadata_Batch",
        "Metadata_Well",
        "Metadata_Compound",
        "Metadata_Concentration",
    ]
    return pd.DataFrame(wells, columns=columns)


def roles_of(rules: RoleRules, *wells: Well) -> list[str]:
    return [str(role) for role in assign_roles(table(*wells), rules)]


def test_by_default_all_but_dmso_is_treatment() -> None:
    wells = [("A", "B02", "DMSO", 0.0), ("A", "B03", "DMSO", 0.5), ("A", "B04", "taxol", 0.3)]
    assert roles_of(RoleRules(), *wells) == ["negative_control", "negative_control", "treatment"]


def test_a_positive_control_is_one_compound_at_one_dose() -> None:
    told = RoleRules(positive_controls=(PositiveControl(compound="taxol", concentration=0.3),))
    assert roles_of(
        told,
        ("A", "B02", "taxol", 0.1 + 0.2),
        ("A", "B03", "taxol", 1.0),
        ("A", "B04", "Taxol", 0.3),
    ) == ["positive_control", "treatment", "treatment"]


def test_a_control_is_a_treatment_in_the_named_wells_of_the_named_batch_alone() -> None:
    place = TreatmentWells(batch="Week1", wells=("D05", "D06"))
    control = PositiveControl(compound="taxol", concentration=0.3, treatment_wells=(place,))
    assert roles_of(
        RoleRules(positive_controls=(control,)),
        ("Week1", "D05", "taxol", 0.3),
        ("Week1", "D06", "taxol", 0.3),
        ("Week1", "D07", "taxol", 0.3),
        ("Week2", "D05", "taxol", 0.3),
    ) == ["treatment", "treatment", "positive_control", "positive_control"]


def test_two_places_of_one_control_are_both_treatments() -> None:
    places = tuple(TreatmentWells(batch=batch, wells=("D05",)) for batch in ("Week1", "Week2"))
    control = PositiveControl(compound="taxol", concentration=0.3, treatment_wells=places)
    wells: list[Well] = [(f"Week{week}", "D05", "taxol", 0.3) for week in (1, 2, 3)]
    found = roles_of(RoleRules(positive_controls=(control,)), *wells)
    assert found == ["treatment", "treatment", "positive_control"]


def test_the_rules_of_bbbc021_tell_four_roles() -> None:
    assert roles_of(
        rules(),
        ("Week1", "B02", "DMSO", 0.0),
        ("Week1", "B11", "taxol", 0.3),
        ("Week1", "D05", "taxol", 0.3),
        ("Week10", "D05", "taxol", 0.3),
        ("Week1", "D04", "taxol", 1.0),
        ("Week1", "C03", "UNKNOWN", 1.0),
    ) == [
        "negative_control",
        "positive_control",
        "treatment",
        "positive_control",
        "treatment",
        "other",
    ]


def test_roles_keep_the_index_of_the_table() -> None:
    sites = table(("A", "B02", "DMSO", 0.0), ("A", "B03", "taxol", 0.3)).set_index(pd.Index([7, 3]))
    before = sites.copy()
    roles = assign_roles(sites, RoleRules())
    assert roles.index.tolist() == [7, 3]
    assert roles.name == "Metadata_Role"
    pd.testing.assert_frame_equal(sites, before)


def test_a_table_without_rows_has_no_roles() -> None:
    assert assign_roles(table(), rules()).tolist() == []


def test_a_misspelt_rule_is_refused() -> None:
    with pytest.raises(ValidationError, match="negative_control"):
        RoleRules.model_validate({"negative_control": ["DMSO"]})
