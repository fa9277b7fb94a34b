"""How good the model's images are: sentences and tables, each figure beside that of real cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from phenovae.evaluate.generation.names import (
    PIXELS,
    POSTERIOR,
    PRIOR,
    REAL,
    RECONSTRUCTED,
    TEXTURE,
)
from phenovae.report.content import ReportContent
from phenovae.report.facts import listed, mapping, percent, plural
from phenovae.report.tables import Table

Told = Mapping[str, object]

_NAMES = {
    REAL: "real {unit}s",
    RECONSTRUCTED: "reconstructions",
    POSTERIOR: "draws from the posteriors of {unit}s",
    PRIOR: "samples from the prior",
}
_NOTE = (
    "Figures are means over random halves of the {unit}s, with the middle 95 % of them. Rows in "
    "bold compare two halves of one sample: a perfect sample comes to that, and not to 0 or 100 %. "
    "MMD² by Gaussian kernels of five widths about the median distance (Gretton et al. 2012); "
    "Fréchet distance squared (Heusel et al. 2017); kernel distance by the cubic kernel (Bińkowski "
    "et al. 2018); precision: how many look real, recall: how much of what is real is made "
    "(Kynkäänniemi et al. 2019). Images are what the decoder says of each pixel’s mean: they lack "
    "the camera’s noise."
)


@dataclass(frozen=True)
class GenerationPart:
    """The section: what the figures say, their tables, one by treatment, and how to read them."""

    sentences: list[str]
    tables: list[Table]
    treatments: Table | None
    note: str


def generation_part(content: ReportContent) -> GenerationPart | None:
    """The section on images that the model makes; None where a run has no record of them."""
    told = content.generation
    if not told:
        return None
    unit = content.unit
    return GenerationPart(
        generation_sentences(told, unit),
        [_fidelity_table(told, unit), *_space_tables(told, unit)],
        _treatment_table(told, unit),
        _NOTE.format(unit=unit),
    )


def generation_sentences(told: Told, unit: str = "cell") -> list[str]:
    """What a record says, after one sentence on what it rests on."""
    found = [_basis(told, unit), _on_reconstructions(told, unit)]
    comparisons = _comparisons(_space(told, TEXTURE))
    found += [
        _on_discrepancy(comparisons, RECONSTRUCTED, REAL, unit),
        _on_discrepancy(comparisons, PRIOR, REAL, unit),
        _on_discrepancy(comparisons, PRIOR, RECONSTRUCTED, unit),
        _on_shares(comparisons, unit),
    ]
    return [sentence for sentence in found if sentence]


def _basis(told: Told, unit: str) -> str:
    cells, of_cells, half = (_count(told.get(key)) for key in ("cells", "of_cells", "half"))
    some = f" of {of_cells:,}" if of_cells != cells else ""
    whose = (
        f"{unit}s that taught the model nothing"
        if told.get("held_out")
        else f"{unit}s that taught the model, for too few were kept apart: all of this flatters it"
    )
    left_out = _count(told.get("left_out_not_finite"))
    gone = (
        f" {plural(left_out, unit)} with pixels that are no numbers were left out."
        if left_out
        else ""
    )
    return (
        f"Judged by {cells:,}{some} {whose}; in {_count(told.get('halves'))} random halves, "
        f"{half:,} images against {half:,} {unit}s that they were not made of.{gone}"
    )


def _on_reconstructions(told: Told, unit: str) -> str:
    whole = [
        mapping(row) for row in listed(told.get("fidelity")) if mapping(row).get("channel") is None
    ]
    if not whole:
        return ""
    ssim, psnr = mapping(whole[0].get("ssim")), mapping(whole[0].get("psnr_db"))
    return (
        f"Reconstructions have a mean SSIM of {_number(ssim.get('value'), 2)} and a PSNR of "
        f"{_number(psnr.get('value'), 1)} dB. Another real {unit} of the same treatment in their "
        f"place would have {_number(ssim.get('other'), 2)} and {_number(psnr.get('other'), 1)} dB."
    )


def _on_discrepancy(
    comparisons: dict[tuple[str, str], Told], sample: str, against: str, unit: str
) -> str:
    told = mapping(comparisons.get((sample, against), {}).get("squared_mmd"))
    floor = mapping(comparisons.get((against, against), {}).get("squared_mmd"))
    value, most = told.get("value"), floor.get("high")
    if not isinstance(value, int | float) or not isinstance(most, int | float):
        return ""
    one, other = (_NAMES[each].format(unit=unit) for each in (sample, against))
    said = f"{one[0].upper()}{one[1:]} are {_small(value)} (MMD² of textures) from {other}, "
    of = f"halves of the {other} are at most {_small(most)} apart"
    if value <= most:
        return f"{said}no further than chance: {of}, in 97.5 of 100 divisions."
    return f"{said}more than chance: {of}, in 97.5 of 100 divisions."


def _on_shares(comparisons: dict[tuple[str, str], Told], unit: str) -> str:
    told, floor = comparisons.get((PRIOR, REAL), {}), comparisons.get((REAL, REAL), {})
    values = [mapping(each.get(key)).get("value") for key in ("precision", "recall")
              for each in (told, floor)]  # fmt: skip
    numbers = [each for each in values if isinstance(each, int | float)]
    if len(numbers) != len(values):
        return ""
    precision, usual, recall, usual_recall = (percent(each, 0) for each in numbers)
    return (
        f"{precision} of samples from the prior look like real {unit}s (precision; of real {unit}s "
        f"themselves: {usual}), and {recall} of real {unit}s are among what samples reach (recall; "
        f"real {unit}s: {usual_recall})."
    )


def _fidelity_table(told: Told, unit: str) -> Table:
    rows = []
    for each in map(mapping, listed(told.get("fidelity"))):
        ssim, psnr = mapping(each.get("ssim")), mapping(each.get("psnr_db"))
        channel = each.get("channel")
        rows.append(
            (
                "all" if channel is None else str(channel),
                _with_interval(ssim, 3),
                _number(ssim.get("other"), 3),
                _with_interval(psnr, 1),
                _number(psnr.get("other"), 1),
            )
        )
    return Table(
        f"Reconstructions of {plural(_count(told.get('cells')), unit)}, from the mean of their "
        "latents, with 95 % intervals over wells",
        ("channel", "SSIM", f"of another {unit}", "PSNR [dB]", f"of another {unit} [dB]"),
        rows,
        frozenset(range(1, 5)),
        frozenset({len(rows) - 1}),
    )


def _space_tables(told: Told, unit: str) -> list[Table]:
    found = []
    pixels = _comparisons(_space(told, PIXELS))
    for space in map(mapping, listed(told.get("spaces"))):
        if space.get("space") == PIXELS:
            continue
        comparisons = _comparisons(space)
        own = space.get("space") == TEXTURE
        rows = [
            (
                _name(one, unit),
                _name(other, unit) if one != other else "its other half",
                _with_interval(mapping(each.get("squared_mmd")), None),
                *(
                    [_with_interval(mapping(pixels.get((one, other), {}).get("squared_mmd")), None)]
                    if own
                    else []
                ),
                _with_interval(mapping(each.get("frechet_distance")), None),
                _with_interval(mapping(each.get("kernel_distance")), None),
                _shares(mapping(each.get("precision"))),
                _shares(mapping(each.get("recall"))),
            )
            for (one, other), each in comparisons.items()
        ]
        images = _count(told.get("half"))
        told_dimensions = next(iter(comparisons.values()), {}).get("frechet_dimensions")
        features = _count(space.get("dimensions"))
        few = (
            f"; Fréchet distances in {told_dimensions} principal components"
            if isinstance(told_dimensions, int) and told_dimensions != features
            else ""
        )
        found.append(
            Table(
                f"Samples in the space {space.get('space')} ({features:,} features), "
                f"{images:,} images against {images:,}{few}",
                (
                    "images", "against", "MMD²", *(["MMD² of pixels"] if own else []),
                    "Fréchet distance", "kernel distance", "precision", "recall",
                ),
                rows,
                frozenset(range(2, 8)),
                frozenset(n for n, (one, other) in enumerate(comparisons) if one == other),
            )
        )  # fmt: skip
    return found


def _treatment_table(told: Told, unit: str) -> Table | None:
    rows = []
    for each in map(mapping, listed(told.get("treatments"))):
        ssim, psnr = mapping(each.get("ssim")), mapping(each.get("psnr_db"))
        comparisons = _comparisons(each)
        drawn = POSTERIOR if (POSTERIOR, REAL) in comparisons else RECONSTRUCTED
        rows.append(
            (
                str(each.get("treatment")),
                "control" if each.get("control") else str(each.get("mechanism") or ""),
                f"{each.get('cells')} ({each.get('held_out')})",
                _number(ssim.get("value"), 2),
                _number(ssim.get("other"), 2),
                _number(psnr.get("value"), 1),
                _number(psnr.get("other"), 1),
                *(
                    _small(value)
                    if isinstance(
                        value := mapping(
                            comparisons.get((sample, REAL), {}).get("squared_mmd")
                        ).get("value"),
                        int | float,
                    )
                    else ""
                    for sample in (drawn, REAL)
                ),
            )
        )
    if not rows:
        return None
    return Table(
        f"By treatment: {plural(len(rows), 'treatment')}, MMD² of textures against other {unit}s "
        "of the same treatment",
        (
            "treatment", "mechanism", f"{unit}s (held out)", "SSIM", f"of another {unit}",
            "PSNR [dB]", f"of another {unit} [dB]", "MMD² of images", f"MMD² of real {unit}s",
        ),
        rows,
        frozenset(range(2, 10)),
    )  # fmt: skip


def _space(told: Told, name: str) -> Told:
    spaces = (mapping(each) for each in listed(told.get("spaces")))
    return next((each for each in spaces if each.get("space") == name), {})


def _comparisons(told: Told) -> dict[tuple[str, str], Told]:
    rows = (mapping(each) for each in listed(told.get("comparisons")))
    return {(str(row.get("sample")), str(row.get("against"))): row for row in rows}


def _name(sample: str, unit: str) -> str:
    return _NAMES.get(sample, sample).format(unit=unit)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _number(value: object, digits: int) -> str:
    if not isinstance(value, int | float):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def _small(value: float) -> str:
    """Three or four decimals of what is small, fewer of what is large; 0 has no sign."""
    digits = next(
        (digits for below, digits in ((0.1, 4), (10, 3), (100, 1)) if abs(value) < below), 0
    )
    shown = f"{value:,.{digits}f}"
    return (
        shown.removeprefix("-") if float(shown.replace(",", "")) == 0 else shown.replace("-", "−")
    )


def _with_interval(told: Told, digits: int | None) -> str:
    value, low, high = (told.get(key) for key in ("value", "low", "high"))
    if not isinstance(value, int | float):
        return "–"

    def shown(number: float) -> str:
        return _small(number) if digits is None else _number(number, digits)

    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return shown(value)
    return f"{shown(value)} [{shown(low)}, {shown(high)}]"


def _shares(told: Told) -> str:
    value = told.get("value")
    return percent(value, 0) if isinstance(value, int | float) else "–"
