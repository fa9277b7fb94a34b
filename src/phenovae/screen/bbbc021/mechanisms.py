"""The official table of mechanisms: which treatments have a known mechanism of action."""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet

from phenovae.screen.bbbc021.knowledge import facts
from phenovae.screen.bbbc021.values import (
    Treatment,
    read_compound,
    read_dose,
    read_mechanism,
    treatment_text,
)
from phenovae.screen.text_table import TextTable

logger = logging.getLogger(__name__)

MECHANISM_COLUMNS = ("compound", "concentration", "moa")


def read_mechanisms(table: TextTable, on_plates: AbstractSet[Treatment]) -> dict[Treatment, str]:
    """Mechanisms of treatments, without controls; what is wrong becomes faults of the table.

    `on_plates` are the treatments of the image table, if it told any. Compounds that are on no
    plate are warned of, since a part of the plates is no damage; a dose that no plate has of a
    compound that is there is a fault, and so is a table of which nothing joins.
    """
    compounds = {compound for compound, _ in on_plates}
    absent: list[tuple[int, Treatment]] = []
    control_rows = 0
    controls = facts().roles.negative_controls
    known: dict[Treatment, str] = {}
    for row in table.rows:
        compound = table.read(row, "compound", read_compound)
        dose = table.read(row, "concentration", read_dose)
        mechanism = table.read(row, "moa", read_mechanism)
        control_rows += compound in controls
        if compound is None or dose is None or compound in controls:
            continue
        key = (compound, dose)
        if on_plates and key not in on_plates and key not in known:
            absent.append((row.line, key))
        if mechanism is not None and known.setdefault(key, mechanism) != mechanism:
            what, mend = "a treatment has two mechanisms", f"it has {known[key]!r} above"
            table.add(what, row.line, "moa", f"{treatment_text(key)}: {mechanism}", mend)
    joined = len(known.keys() & on_plates)
    left = [key for _, key in absent if joined and key[0] not in compounds]
    for line, key in absent:
        if key not in left:
            what = "a treatment of the mechanism table is on no plate"
            mend = "check name and dose against the image table"
            table.add(what, line, "compound, concentration", treatment_text(key), mend)
    logger.info(
        "%d rows in %s: %d of controls, %d treatments joined, %d on no plate, %d treatments of the "
        "plates without a mechanism",
        len(table.rows), table.path.name, control_rows, joined, len(absent),
        len(on_plates - known.keys()),
    )  # fmt: skip
    if left:
        names = sorted({compound for compound, _ in left})
        logger.warning(
            "%d treatments of the mechanism table are on no plate, of %d compounds: %s",
            len(left), len(names), ", ".join(names),
        )  # fmt: skip
    return known
