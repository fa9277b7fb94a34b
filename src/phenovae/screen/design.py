"""What a screen's design is, where it departs from itself, and what can be asked of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

import pandas as pd

from phenovae.screen.partners import RULES, Rule, eligible, scorable, treatments
from phenovae.screen.sites import Role, channels_of, concentration_key, dose_text

_NAMED_AT_MOST = 12


@dataclass(frozen=True)
class Scorable:
    """How many treatments have a possible right neighbour under one rule."""

    rule: Rule
    scorable: int
    total: int
    unscorable: tuple[str, ...]
    mechanisms: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """The experimental design of a screen, in numbers and in sentences."""

    sites: int
    plates: int
    batches: int
    wells: int
    compounds: int
    channels: tuple[str, ...]
    annotated_treatments: int
    annotated_compounds: int
    annotated_wells: int
    mechanisms: int
    negative_control_wells: int
    positive_control_wells: int
    usual_replicates: int
    usual_sites: int
    usual_images: int
    in_one_batch: int
    in_one_position: int
    compounds_in_several_batches: tuple[str, ...]
    largest_control: str
    largest_control_share: float
    scorable: tuple[Scorable, ...]
    departures: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The design as JSON."""
        return asdict(self)


def check_design(sites: pd.DataFrame) -> Design:
    """Describe the design of a sites table and name what departs from it.

    What is usual is what most treatments have; nothing is expected of a screen beforehand.
    """
    wells = sites.drop_duplicates(["Metadata_Plate", "Metadata_Well"])
    known = treatments(sites)
    images = _images_per_treatment(sites)
    replicates = _usual(known["Wells"].tolist())
    per_well = sites.groupby(["Metadata_Plate", "Metadata_Well"], sort=True).size()
    usual_sites = _usual(per_well.tolist())
    channels = channels_of(sites)
    roles = wells["Metadata_Role"].value_counts()
    controls = wells.loc[
        wells["Metadata_Role"].isin([Role.NEGATIVE_CONTROL, Role.POSITIVE_CONTROL])
    ]
    largest = controls["Metadata_Compound"].value_counts()
    several = _compounds_in_several_batches(sites)
    return Design(
        sites=len(sites),
        plates=int(sites["Metadata_Plate"].nunique()),
        batches=int(sites["Metadata_Batch"].nunique()),
        wells=len(wells),
        compounds=int(
            sites.loc[
                sites["Metadata_Role"] != Role.NEGATIVE_CONTROL, "Metadata_Compound"
            ].nunique()
        ),
        channels=channels,
        annotated_treatments=len(known),
        annotated_compounds=int(known["Metadata_Compound"].nunique()),
        annotated_wells=int(known["Wells"].sum()),
        mechanisms=int(known["Metadata_MoA"].nunique()),
        negative_control_wells=int(roles.get(str(Role.NEGATIVE_CONTROL), 0)),
        positive_control_wells=int(roles.get(str(Role.POSITIVE_CONTROL), 0)),
        usual_replicates=replicates,
        usual_sites=usual_sites,
        usual_images=replicates * usual_sites * max(len(channels), 1),
        in_one_batch=int((known["Batches"].map(len) == 1).sum()),
        in_one_position=int((known["Positions"].map(len) == 1).sum()),
        compounds_in_several_batches=several,
        largest_control=str(largest.index[0]) if len(largest) else "",
        largest_control_share=round(float(largest.iloc[0] / len(wells)), 4)
        if len(largest)
        else 0.0,
        scorable=tuple(_scorable(known, rule) for rule in RULES),
        departures=tuple(_departures(sites, known, images, replicates, usual_sites)),
    )


def treatment_text(compound: str, concentration: float) -> str:
    """A treatment as a person writes it: `taxol 0.3 µM`."""
    return f"{compound} {dose_text(concentration)} µM"


def _names(treatments: pd.DataFrame) -> list[str]:
    keys = zip(treatments["Metadata_Compound"], treatments["Metadata_Concentration"], strict=True)
    return [treatment_text(str(compound), float(dose)) for compound, dose in keys]


def _usual(counts: list[int]) -> int:
    return Counter(counts).most_common(1)[0][0] if counts else 0


def _images_per_treatment(sites: pd.DataFrame) -> pd.Series:
    """Images of every annotated treatment, in the order of `treatments`."""
    here = sites.loc[(sites["Metadata_Role"] == Role.TREATMENT) & sites["Metadata_MoA"].notna()]
    files = [name for name in here.columns if str(name).startswith("File_")]
    per_site = here[files].notna().sum(axis=1) if files else pd.Series(1, index=here.index)
    dose = here["Metadata_Concentration"].map(concentration_key)
    return per_site.groupby([here["Metadata_Compound"], dose]).sum()


def _compounds_in_several_batches(sites: pd.DataFrame) -> tuple[str, ...]:
    here = sites.loc[sites["Metadata_Role"] == Role.TREATMENT]
    batches = here.groupby("Metadata_Compound")["Metadata_Batch"].nunique()
    return tuple(str(name) for name in batches[batches > 1].index)


def _scorable(known: pd.DataFrame, rule: Rule) -> Scorable:
    mechanisms = known["Metadata_MoA"].tolist()
    mask = eligible(known["Metadata_Compound"].tolist(), known["Batches"].tolist(), rule)
    can = scorable(mask, mechanisms)
    cannot = known.loc[~can]
    return Scorable(
        rule=rule,
        scorable=int(can.sum()),
        total=len(known),
        unscorable=tuple(_names(cannot)),
        mechanisms=tuple(sorted(set(cannot["Metadata_MoA"]))),
    )


def _departures(
    sites: pd.DataFrame, known: pd.DataFrame, images: pd.Series, replicates: int, usual_sites: int
) -> list[str]:
    said: list[str] = []
    for count in sorted(set(known["Wells"].tolist()) - {replicates}):
        names = _names(known.loc[known["Wells"] == count])
        have = f"{_treatments(len(names))} {_counted(count, 'well')}"
        said.append(f"{have} instead of {replicates}: {_listed(names)}")
    channels = max(len(channels_of(sites)), 1)
    expected = known["Wells"].to_numpy() * usual_sites * channels
    odd = [
        f"{name} ({count})"
        for name, count, usual in zip(_names(known), images.to_numpy(), expected, strict=True)
        if count != usual
    ]
    if odd:
        said.append(
            f"{_treatments(len(odd))} other than {usual_sites} × {channels} images a well: "
            f"{_listed(odd)}"
        )
    spread = known.loc[known["Batches"].map(len) > 1]
    if len(spread):
        names = _names(spread)
        said.append(f"{_treatments(len(names))} wells in several batches: {_listed(names)}")
    controls = sites.loc[sites["Metadata_Role"] == Role.NEGATIVE_CONTROL, "Metadata_Plate"]
    without = sorted(set(sites["Metadata_Plate"]) - set(controls))
    if without:
        plates = _counted(len(without), "plate")
        said.append(f"{plates} without a negative control: {_listed(without)}")
    return said


def _treatments(count: int) -> str:
    return f"{_counted(count, 'treatment')} {'has' if count == 1 else 'have'}"


def _counted(count: int, thing: str) -> str:
    return f"1 {thing}" if count == 1 else f"{count} {thing}s"


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED_AT_MOST])
    rest = len(names) - _NAMED_AT_MOST
    return f"{shown} and {rest} more" if rest > 0 else shown
