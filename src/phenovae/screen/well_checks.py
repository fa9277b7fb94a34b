"""What is wrong with what a table says of its wells; and where two tables do not agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from phenovae.base.errors import InputError
from phenovae.base.findings import Finding, counted, fault, note, warning
from phenovae.screen.design import treatment_text
from phenovae.screen.sites import Role, concentration_key
from phenovae.screen.wells import canonical_well

PLATE_AND_WELL = ["Metadata_Plate", "Metadata_Well"]
OF_WELLS = ("Compound", "Concentration", "MoA", "Role", "Batch")
_NEEDED = ("Compound", "Concentration", "Role", "Batch")
_FEW_ON_A_PLATE = 2


def facts_of_wells(frame: pd.DataFrame) -> pd.DataFrame:
    """The distinct rows of what a table says of its wells, doses as keys; columns that it has."""
    columns = [*PLATE_AND_WELL, *(f"Metadata_{name}" for name in OF_WELLS)]
    found = frame[[name for name in columns if name in frame]].copy()
    if "Metadata_Concentration" in found:
        doses = pd.to_numeric(found["Metadata_Concentration"], errors="coerce")
        found["Metadata_Concentration"] = doses.map(concentration_key, na_action="ignore")
    return found.drop_duplicates(ignore_index=True)


def check_wells(facts: pd.DataFrame) -> Iterator[Finding]:
    """Findings on the distinct rows of a table's wells, as `facts_of_wells` gives them."""
    yield from _of_names(facts)
    yield from _of_values(facts)
    keys = facts[PLATE_AND_WELL].astype(str)
    torn = keys.loc[keys.duplicated(keep=False)].drop_duplicates()
    if len(torn):
        names = [_place(plate, well) for plate, well in torn.itertuples(index=False)]
        what = f"{counted(len(names), 'well')} said to hold two things"
        yield fault(what, names, "correct compound, dose, mechanism, role or batch of these rows")
    if "Metadata_Role" in facts and "Metadata_Compound" in facts:
        wells = facts.drop_duplicates(PLATE_AND_WELL)
        yield from _of_controls(wells)
        yield from _of_replicates(wells)


def compare_wells(
    one: pd.DataFrame, other: pd.DataFrame, first: str, second: str, *, whole: bool
) -> Iterator[Finding]:
    """Findings on where two tables say different things of a well.

    `whole`: whether the second should have every well that the first has.
    """
    left, right = (
        facts.drop_duplicates(PLATE_AND_WELL).set_index(PLATE_AND_WELL) for facts in (one, other)
    )
    for table, rest, here, there, severe in (
        (right, left, second, first, True),
        (left, right, first, second, whole),
    ):
        alone = table.index.difference(rest.index)
        if len(alone):
            names = [_place(plate, well) for plate, well in alone]
            what = f"{counted(len(names), 'well')} of {here} not in {there}"
            if severe:
                yield fault(what, names, f"make {second} anew, or restore {first}")
            else:
                yield note(what, names)
    both = left.index.intersection(right.index)
    for column in (name for name in left.columns if name in right.columns):
        a, b = left.loc[both, column], right.loc[both, column]
        unlike = ~((a == b) | (a.isna() & b.isna())).to_numpy(dtype=bool)
        if unlike.any():
            names = [
                f"{_place(plate, well)}: {x} and {y}"
                for (plate, well), x, y in zip(both[unlike], a[unlike], b[unlike], strict=True)
            ]
            what = str(column).removeprefix("Metadata_").lower()
            yield fault(
                f"{counted(len(names), 'well')} with another {what} in {first} and {second}",
                names,
                "find out which is right, correct it, and make the other anew",
            )


def _of_names(facts: pd.DataFrame) -> Iterator[Finding]:
    odd: list[str] = []
    for well in pd.unique(facts["Metadata_Well"].dropna().astype(str)):
        try:
            canonical = canonical_well(well)
        except InputError:
            odd.append(f"{well}: no name of a well")
        else:
            if canonical != well:
                odd.append(f"{well} for {canonical}")
    if odd:
        yield fault(
            f"{counted(len(odd), 'name')} of wells not canonical",
            odd,
            "write row letter and two digits, as in B02; other spellings join nothing",
        )


def _of_values(facts: pd.DataFrame) -> Iterator[Finding]:
    for column in [*PLATE_AND_WELL, *(f"Metadata_{name}" for name in _NEEDED)]:
        if column not in facts:
            yield warning(f"no column {column}", mend="scoring and its checks need it")
            continue
        missing = facts.loc[facts[column].isna()]
        if len(missing):
            yield fault(f"{counted(len(missing), 'well')} without {column}", _places(missing))
    if "Metadata_Concentration" in facts:
        below = facts.loc[facts["Metadata_Concentration"] < 0]
        if len(below):
            yield fault(f"{counted(len(below), 'well')} with a dose below 0", _places(below))
    if "Metadata_Role" in facts:
        known = {str(role) for role in Role}
        odd = sorted({str(role) for role in facts["Metadata_Role"].dropna()} - known)
        if odd:
            yield fault("roles that are none", odd, f"write {', '.join(sorted(known))}")


def _of_controls(wells: pd.DataFrame) -> Iterator[Finding]:
    controls = wells.loc[wells["Metadata_Role"] == str(Role.NEGATIVE_CONTROL)]
    if not len(controls):
        yield warning(
            "no negative controls", mend="name them; transforms are fitted on all wells otherwise"
        )
        return
    for column, many in (("Metadata_Plate", "plates"), ("Metadata_Batch", "batches")):
        if column not in wells:
            continue
        counts = controls[column].value_counts()
        every = sorted({str(name) for name in wells[column].dropna()})
        none = [name for name in every if name not in counts.index]
        if none:
            yield warning(
                f"{len(none)} of {len(every)} {many} without a negative control",
                none,
                "their scale leans on other plates' controls",
            )
        few = [name for name in every if 0 < int(counts.get(name, 0)) < _FEW_ON_A_PLATE]
        if few:
            yield note(f"{len(few)} of {len(every)} {many} with one negative control well", few)


def _of_replicates(wells: pd.DataFrame) -> Iterator[Finding]:
    treated = wells.loc[wells["Metadata_Role"] == str(Role.TREATMENT)]
    if "Metadata_Concentration" not in treated or not len(treated):
        return
    counts = treated.groupby(["Metadata_Compound", "Metadata_Concentration"]).size()
    usual = Counter(counts.tolist()).most_common(1)[0][0] if len(counts) else 0
    few = counts[counts < usual]
    if len(few):
        names = [
            f"{treatment_text(str(row[0]), float(row[1]))} ({row[2]})"
            for row in few.reset_index().itertuples(index=False, name=None)
        ]
        yield note(
            f"{counted(len(few), 'treatment')} with fewer than the usual {counted(usual, 'well')}",
            names,
            "their profiles are less sure than the others'",
        )
    if usual == 1:
        yield warning(
            "the usual treatment has one well: no replicate to judge its profile by",
            mend="image replicates, or report scores without claims on single treatments",
        )


def _places(rows: pd.DataFrame) -> Sequence[str]:
    return [_place(plate, well) for plate, well in rows[PLATE_AND_WELL].itertuples(index=False)]


def _place(plate: object, well: object) -> str:
    return f"{plate} {well}"
