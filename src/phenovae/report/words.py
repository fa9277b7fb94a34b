"""The summary in words, made from the numbers and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phenovae.evaluate.provenance import read_training
from phenovae.evaluate.scores import MECHANISM, kind_of, label_of
from phenovae.report.content import ReportContent
from phenovae.report.facts import listed, mapping, percent, split_words

Record = Mapping[str, object]

MODEL, INTENSITY = "model", "intensity"


def find(
    records: Sequence[Record], features: str, metric: str, protocol: str | None = None
) -> Record | None:
    """The first record of these features and metric (and protocol, by its label) with a value."""
    for record in records:
        if (
            record["features"] == features
            and record["metric"] == metric
            and (protocol is None or label_of(record) == protocol)
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
    """`41 of 99 treatments (NSC 41.4 %, 95 % interval 30–52 %; by chance 9 %)`."""
    chance = record.get("null_mean")
    luck = f"; by chance {percent(chance, 0)}" if isinstance(chance, int | float) else ""
    return (
        f"{number(record, 'correct'):g} of {record['total']} treatments "
        f"({record['metric']} {percent(number(record, 'value'))}, {_interval(record)}{luck})"
    )


def _interval(record: Record) -> str:
    low, high = 100 * number(record, "low"), percent(number(record, "high"), 0)
    return f"{percent(0.95, 0)} interval {low:.0f}–{high}"


def summary_sentences(
    records: Sequence[Record],
    summary: Mapping[str, object],
    *,
    synthetic: bool,
    unit: str = "cell",
) -> list[str]:
    """What the run found, in sentences; `unit` is what a crop shows."""
    said: list[str] = []
    if synthetic:
        said.append(
            "The cells of this run are synthetic: they were drawn by a program, and the scores say "
            "nothing about real drugs."
        )
    protocols = list(dict.fromkeys(label_of(r) for r in records if r["metric"] == "NSC"))
    for protocol in protocols:
        said += _of_protocol(records, protocol)
    said += _of_probe(records, unit)
    if not said or (synthetic and len(said) == 1):
        mechanisms = [record for record in records if kind_of(record) == MECHANISM]
        reasons = sorted({str(r["reason"]) for r in mechanisms if "reason" in r})
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


def method_sentences(content: ReportContent) -> list[str]:
    """How the scores came about, and what they do not say."""
    if "evaluate" in content.skipped:
        return [f"Nothing was scored: {content.skipped['evaluate']}."]
    unit = content.unit
    trained = [record.get("training") for record in content.records if record["features"] == MODEL]
    training = mapping(trained[0]) if trained else {}
    labels = str(training.get("labels", "none"))
    track = read_training(training).track.capitalize() if training else ""
    said = [
        "Labels used in training: none; mechanisms were never seen."
        if labels == "none"
        else f"{track}. Labels used in training: {labels}; scores share no column with those of "
        "models that saw none."
    ]
    balance = mapping(content.options.get("sampling")).get("balance")
    if balance not in (None, "none"):
        said[0] += f" How often {unit}s were drawn was evened out by {balance}."
    side = mapping(content.options.get("evaluate")).get("cells", "all")
    if side in ("all", "train"):
        said.append(
            f"The scored {unit}s are the ones of the training ({split_words(content.splits)}); "
            "scores tell how well the latents order known treatments, not how the model does on "
            "unseen plates."
        )
    else:
        said.append(
            f"The scored {unit}s are those of the {side} side of the splits alone "
            f"({split_words(content.splits)}); the model was not trained on them."
        )
    kept_by = content.summary.get("kept_by")
    if kept_by == "validation ELBO":
        said.append("The checkpoint was chosen by the validation ELBO alone, never by a score.")
    elif kept_by is not None:
        said.append(f"The checkpoint was chosen by: {kept_by}; never by a score.")
    numbers = sorted(
        {k for r in content.records if kind_of(r) == MECHANISM and isinstance(k := r.get("k"), int)}
    )
    said += [
        f"NSC k={k} and NSCB k={k} go by the mechanism that most of the {k} nearest neighbours "
        "have, not by that of the nearest alone."
        for k in numbers
    ]
    said.append(
        "Controls are neither queries nor neighbours. Intervals are a bootstrap over compounds; p "
        "compares with worlds in which compounds have swapped mechanisms. Neither covers the noise "
        "of training."
    )
    return said


def _of_protocol(records: Sequence[Record], protocol: str) -> list[str]:
    nsc = find(records, MODEL, "NSC", protocol)
    if nsc is None:
        return []
    said = (
        f"By the protocol {protocol}, the nearest neighbour among other compounds has the same "
        f"mechanism for {count_text(nsc)}"
    )
    nscb = find(records, MODEL, "NSCB", protocol)
    said += (
        f"; where it must come from other batches as well, for {count_text(nscb)}."
        if nscb is not None
        else ". No treatment can be scored across batches."
    )
    base = find(records, INTENSITY, "NSC", protocol)
    if base is not None:
        said += f" From intensity alone it is {_against(nsc, base)}"
        other = find(records, INTENSITY, "NSCB", protocol)
        if nscb is not None and other is not None:
            said += f"; across batches {_against(nscb, other)}"
        said += "."
    return [said]


def _against(model: Record, base: Record) -> str:
    counts = f"{number(base, 'correct'):g} of {base['total']}"
    return f"{counts} ({base['metric']} {percent(number(base, 'value'))}): {_verdict(model, base)}"


def _verdict(model: Record, base: Record) -> str:
    paired = _paired(model, str(base["features"]))
    mine, theirs = number(model, "value"), number(base, "value")
    if paired is not None:
        return paired
    apart = number(model, "low") > number(base, "high") or number(base, "low") > number(
        model, "high"
    )
    if mine == theirs:
        return "the model does no better"
    verdict = "the model is better" if mine > theirs else "the model is worse"
    return verdict + ("" if apart else ", though the intervals overlap")


def _paired(model: Record, features: str) -> str | None:
    """The paired difference of a record to other features, in words, if it is recorded."""
    for each in listed(model.get("against")):
        told = mapping(each)
        if told.get("features") != features:
            continue
        difference, p_value = number(told, "difference"), number(told, "p_value")
        if not difference:
            return "the model does no better"
        low, high = (f"{100 * number(told, end):+.0f}".replace("-", "−") for end in ("low", "high"))
        return (
            f"the model is {'better' if difference > 0 else 'worse'} by "
            f"{100 * abs(difference):.1f} points (95 % interval {low} to {high}, "
            f"p {p_value:.2g}), which is {told.get('verdict')}"
        )
    return None


def _of_probe(records: Sequence[Record], unit: str) -> list[str]:
    probe = find(records, MODEL, "probe")
    if probe is None:
        return []
    text = (
        f"The mechanism of a single {unit} of an unseen compound is told with a balanced accuracy "
        f"of {percent(number(probe, 'value'))} ({_interval(probe)}; by chance "
        f"{percent(number(probe, 'chance'))})"
    )
    base = find(records, INTENSITY, "probe")
    if base is not None:
        text += f"; from intensity alone, {percent(number(base, 'value'))}: {_verdict(probe, base)}"
    return [text + "."]
