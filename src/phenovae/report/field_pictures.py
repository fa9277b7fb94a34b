"""Pictures of whole fields: what was found in some, what was thrown out, how plates were lit."""

from __future__ import annotations

from phenovae.figures import illumination, overlays
from phenovae.figures.fields import field_sheet
from phenovae.report.facts import plural
from phenovae.report.field_content import Example, FieldContent
from phenovae.report.pictures import Picture, Shown, picture

_LEFT_OUT = {
    "border": "cut by the border",
    "small": "too small",
    "large": "too large",
    "field": "in a field that was thrown out",
}
_FEW_PLATES = 3
_NOTHING_FOUND = "No field was good enough to be shown with what was found in it."


def outline_pictures(told: FieldContent) -> Shown:
    """A few fields with the outlines of what was found in them."""
    found = [_outlined(each, told) for each in told.examples]
    missing = list(told.missing_examples)
    return Shown(found, missing if found or missing else [_NOTHING_FOUND])


def _outlined(each: Example, told: FieldContent) -> Picture:
    count = sum(each.fates.values())
    things = plural(count, *told.noun)
    treated = f", {each.treatment}" if each.treatment else ""
    left = ", ".join(
        f"{each.fates[fate]:,} {words}" for fate, words in _LEFT_OUT.items() if fate in each.fates
    )
    fates = f"{each.fates.get('kept', 0):,} kept, {left}" if left else "all kept"
    names = [("tiles" if told.tiles else f"kept {told.noun[1]}", overlays.KEPT)]
    if each.overlay.left_out.any():
        names.append((f"{told.noun[1]} left out", overlays.LEFT_OUT))
    if each.overlay.bodies.any():
        names.append(("cell bodies", overlays.BODY))
    drawn = picture(
        overlays.overlay(each.overlay, told.channels),
        f"field {each.place} with the outlines of {things}",
        f"{each.place}{treated}: {things} ({fates}). Pixels as the camera gave them, each channel "
        f"stretched by itself; field {each.field}.",
        photograph=True,
        channels=told.channels,
    )
    drawn.key.extend(names)
    return drawn


def thrown_pictures(told: FieldContent) -> Shown:
    """Contact sheet of fields that quality control threw out."""
    missing = list(told.missing_thrown)
    if not told.thrown:
        if not told.flagged:
            missing = ["No field was thrown out."]
        return Shown([], missing)
    what = "flagged" if told.flagged_kept else "thrown out"
    shown = len(told.thrown)
    some = (
        f"{shown} of {told.flagged:,} fields that were {what}"
        if shown < told.flagged
        else f"The {plural(shown, 'field')} that {'was' if shown == 1 else 'were'} {what}"
    )
    return Shown(
        [
            picture(
                field_sheet(told.thrown, told.channels),
                f"contact sheet of {plural(shown, 'field')} {what}, with the reasons",
                f"{some}, each with what is wrong with it, and as bright as usual fields of its "
                "plate are shown.",
                photograph=True,
                channels=told.channels,
            )
        ],
        missing,
    )


def light_pictures(told: FieldContent, why_not: str) -> Shown:
    """How the light falls over the fields of some plates, and how even they are once corrected."""
    if told.light is None:
        text = told.missing_light or (f"The light was not looked at: {why_not}." if why_not else "")
        return Shown([], [text] if text else [])
    table = told.light.table
    known = table.loc[table["Light_Fallback"] == ""]
    if not len(known):
        return Shown([], ["No plate has a light function, so there is none to show."])
    found = []
    plates = table["Metadata_Plate"].nunique()
    if plates > _FEW_PLATES:
        found.append(
            picture(
                illumination.light_of_screen(table),
                f"how even the fields of {plates:,} plates are, before and after correction",
                f"How uneven the mean of fields is on each of {plates:,} plates, by channel, what "
                "is left of that corrected, and how uneven the lie of the cells alone would make "
                "it.",
            )
        )
    for plate, lights in told.light.plates.items():
        here = known.loc[known["Metadata_Plate"] == plate]
        fields = int(here["Light_Fields"].max())
        found.append(
            picture(
                illumination.light_of_plate(lights, plate),
                f"how the light falls over the fields of {plate}, by channel",
                f"Light over the fields of {plate}, told from {plural(fields, 'field')}. Above "
                "each map: how uneven the mean of fields is, what is left of that corrected, and "
                "how uneven the lie of the cells alone would make it.",
            )
        )
    return Shown(found, [])
