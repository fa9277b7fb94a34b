"""The summary in words, made from the numbers and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Record = Mapping[str, object]

MODEL, INTENSITY = "model", "intensity"


def find(
    records: Sequence[Record], features: str, metric: str, protocol: str | None = None
) -> Record | None:
    """The first record of these features and metric (and protocol) that has a value."""
    for record in records:
        if (
            record["features"] == features
            and record["metric"] == metric
            and (protocol is None or record["protocol"] == protocol)
            and isinstance(record.get("value"), int | float)
        ):
            return record
    return None


def number(record: Record, key: str) -> float:
    """A number of a record. Raises TypeError where it is none."""
    value = record[key]
    if not isinstance(value, int | float):
        raise TypeError(f"{key} of the record is {value!r}")
    return float(value)


def count_text(record: Record) -> str:
    """`41 of 99 (41.4 %, interval 30–52 %)`."""
    value, low, high = (100 * number(record, key) for key in ("value", "low", "high"))
    return (
        f"{number(record, 'correct'):g} of {record['total']} "
        f"({value:.1f} %, interval {low:.0f}–{high:.0f} %)"
    )


def summary_sentences(
    records: Sequence[Record], summary: Mapping[str, object], *, synthetic: bool
) -> list[str]:
    """What the run found, in sentences."""
    said: list[str] = []
    if synthetic:
        said.append(
            "The cells of this run are synthetic: they were drawn by a program, and the scores say "
            "nothing about real drugs."
        )
    protocols = list(dict.fromkeys(str(r["protocol"]) for r in records if r["metric"] == "NSC"))
    for protocol in protocols:
        said += _of_protocol(records, protocol)
    said += _of_probe(records)
    if not said or (synthetic and len(said) == 1):
        reasons = sorted({str(r["reason"]) for r in records if "reason" in r})
        said.append(
            "No treatment could be scored" + (f": {'; '.join(reasons)}." if reasons else ".")
        )
    if summary.get("collapsed"):
        said.append(
            "The posterior collapsed: most latent dimensions carry nothing. A learned σ, a KL "
            "warm-up or free bits are the remedies."
        )
    if summary.get("sigma_at_bound"):
        said.append("σ met its lower bound in a channel: likelihoods there are a lower limit.")
    return said


def _of_protocol(records: Sequence[Record], protocol: str) -> list[str]:
    nsc = find(records, MODEL, "NSC", protocol)
    if nsc is None:
        return []
    said = [
        f"By {protocol}, {count_text(nsc)} treatments have a nearest neighbour of their own "
        f"mechanism among other compounds; by chance it would be "
        f"{100 * number(nsc, 'null_mean'):.0f} %"
    ]
    nscb = find(records, MODEL, "NSCB", protocol)
    said[0] += (
        f". Among other compounds of other batches it is {count_text(nscb)}."
        if nscb is not None
        else ". No treatment can be scored across batches."
    )
    base = find(records, INTENSITY, "NSC", protocol)
    if base is not None:
        said.append(_against(nsc, base, "NSC"))
        other = find(records, INTENSITY, "NSCB", protocol)
        if nscb is not None and other is not None:
            said[-1] = said[-1].removesuffix(".") + "; " + _against(nscb, other, "NSCB", short=True)
    return [" ".join(said)]


def _against(model: Record, base: Record, metric: str, *, short: bool = False) -> str:
    mine, theirs = number(model, "value"), number(base, "value")
    counts = f"{number(base, 'correct'):g} of {base['total']}"
    apart = number(model, "low") > number(base, "high") or number(base, "low") > number(
        model, "high"
    )
    if mine > theirs:
        verdict = "the model is better" + ("" if apart else ", though the intervals overlap")
    elif mine < theirs:
        verdict = "the model is worse" + ("" if apart else ", though the intervals overlap")
    else:
        verdict = "the model does no better"
    lead = f"{metric}: {counts}" if short else f"Intensity alone gives {counts} in {metric}"
    return f"{lead}: {verdict}."


def _of_probe(records: Sequence[Record]) -> list[str]:
    probe = find(records, MODEL, "probe")
    if probe is None:
        return []
    text = (
        f"The mechanism of a single cell of an unseen compound is told with a balanced accuracy of "
        f"{number(probe, 'value'):.3f} (interval {number(probe, 'low'):.2f}–"
        f"{number(probe, 'high'):.2f}; chance {number(probe, 'chance'):.3f})"
    )
    base = find(records, INTENSITY, "probe")
    if base is not None:
        text += f"; from intensity alone, {number(base, 'value'):.3f}"
    return [text + "."]
