"""What every well is for, by rules that are data of the screen."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import Field

from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.screen.sites import Role, concentration_key


class TreatmentWells(Options):
    """Wells of one batch that hold a control's compound and dose as a treatment."""

    batch: str = Field(description="batch of the wells")
    wells: tuple[str, ...] = Field(description="names of the wells")


class PositiveControl(Options):
    """A compound at a dose that stands on plates as a control."""

    compound: str = Field(description="compound")
    concentration: float = Field(description="concentration [µM]")
    treatment_wells: tuple[TreatmentWells, ...] = Field(
        (), description="wells where it is a treatment all the same"
    )


class RoleRules(Options):
    """How the roles of wells follow from their compound, dose and place."""

    negative_controls: tuple[str, ...] = Field(
        ("DMSO",), description="compounds that are negative controls, at any concentration"
    )
    positive_controls: tuple[PositiveControl, ...] = Field((), description="positive controls")
    other: tuple[str, ...] = Field((), description="names that stand for no known compound")


ROLE_WORDS: Mapping[str, Role] = {
    **dict.fromkeys(
        ("treatment", "treated", "trt", "sample", "compound", "test"), Role.TREATMENT
    ),
    **dict.fromkeys(
        (
            "negative_control", "negcon", "neg", "neg_control", "negative", "vehicle", "solvent",
            "dmso", "mock", "untreated", "non_targeting", "nontargeting",
        ),
        Role.NEGATIVE_CONTROL,
    ),
    **dict.fromkeys(
        (
            "positive_control", "poscon", "pos", "pos_control", "positive", "poscon_cp",
            "poscon_diverse", "poscon_orf",
        ),
        Role.POSITIVE_CONTROL,
    ),
    **dict.fromkeys(
        ("other", "empty", "blank", "none", "excluded", "no_cells", "media", "medium"), Role.OTHER
    ),
}  # fmt: skip
"""What tables call the roles of wells, compared without case and marks.

Untreated wells are negative controls. `empty` says too little (no compound, or no cells) to be
a control, and `control` alone does not say which: it is refused.
"""


def role_word(text: str) -> str:
    """A word of a table as `ROLE_WORDS` has it: `Neg. Control` is `neg_control`."""
    return re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")


def read_role(text: str) -> Role:
    """The role that a table's word means. Raises InputError where it is none."""
    role = ROLE_WORDS.get(role_word(text))
    if role is None:
        raise InputError(
            "the role of the well is not known",
            mend="write treatment (trt), negative_control (negcon), positive_control (poscon) "
            "or other (empty)",
        )
    return role


def assign_roles(sites: pd.DataFrame, rules: RoleRules) -> pd.Series:
    """The role of every row of a table with compound, concentration, batch and well."""
    compound = sites["Metadata_Compound"]
    roles = np.full(len(sites), str(Role.TREATMENT), dtype=object)
    roles[compound.isin(rules.other).to_numpy()] = str(Role.OTHER)
    roles[compound.isin(rules.negative_controls).to_numpy()] = str(Role.NEGATIVE_CONTROL)
    doses = sites["Metadata_Concentration"]
    dose = doses.map({each: concentration_key(each) for each in doses.unique()})
    for control in rules.positive_controls:
        here = (compound == control.compound) & (dose == concentration_key(control.concentration))
        for place in control.treatment_wells:
            here &= ~(
                (sites["Metadata_Batch"] == place.batch) & sites["Metadata_Well"].isin(place.wells)
            )
        roles[here.to_numpy()] = str(Role.POSITIVE_CONTROL)
    return pd.Series(roles, index=sites.index, name="Metadata_Role", dtype="str")
