"""From embeddings of cells on disk to scores: seconds and memory, beside the plain way.

    python benchmarks/profiles_at_scale.py FOLDER [--cells 480000] [--features 256] [--probe]
    python benchmarks/profiles_at_scale.py FOLDER --grow [--upto 5000000]

Writes made-up embeddings into FOLDER as a run leaves them: 55 plates in ten weeks, 38 compounds of
twelve mechanisms, 103 treatments in three wells each, six wells of DMSO a plate, four sites a well;
mechanisms, wells and plates each shift the cells. Then each way is a process of its own:

- reading: the bytes of the file, nothing else;
- decoding: the file as float32 columns, block by block, nothing else;
- phenovae: `evaluate --profiles` by `caicedo2018`: NSC, NSCB and both average precisions, with
  10,000 draws of every interval and null;
- plain: the same numbers as one writes them with pandas and scikit-learn: the table in memory,
  groupby, StandardScaler, PCA, a loop over treatments, a loop over draws.

Both must count the same treatments right. Files are read once before, so that none comes from a
cold disk. `--probe` adds the cell probe by phenovae.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

PLATES, WEEKS, COMPOUNDS, MECHANISMS, TREATMENTS, CONTROLS, SITES = 55, 10, 38, 12, 103, 6, 4
DRAWS, SEED = 10_000, 0
GROWTH = (120_000, 480_000, 1_900_000, 5_000_000)
PLAIN_UPTO = 2_000_000


def design() -> list[dict[str, object]]:
    """Every well: plate, week, compound, dose, mechanism and role."""
    doses = [2 + (number < TREATMENTS - 2 * COMPOUNDS) for number in range(COMPOUNDS)]
    of_week = {week: [p for p in range(PLATES) if p % WEEKS == week] for week in range(WEEKS)}
    wells: list[dict[str, object]] = []
    used = [0] * PLATES
    for plate in range(PLATES):
        wells += [_well(plate, f"{row}02", "DMSO", 0.0, None, 0) for row in "BCDEFG"[:CONTROLS]]
    for compound in range(COMPOUNDS):
        week = compound * 7 % WEEKS
        for dose in range(doses[compound]):
            for plate in of_week[week][:3]:
                place = f"{'BCDEFG'[used[plate] % 6]}{3 + used[plate] // 6:02d}"
                used[plate] += 1
                mechanism = f"mechanism {compound % MECHANISMS}"
                name = f"compound {compound}"
                wells.append(_well(plate, place, name, 0.3 * 3.0**dose, mechanism, 1 + dose))
    return sorted(wells, key=lambda well: (well["plate"], well["well"]))


def _well(
    plate: int, well: str, compound: str, dose: float, moa: str | None, strength: int
) -> dict[str, object]:
    return {
        "plate": plate, "well": well, "compound": compound, "dose": dose, "moa": moa,
        "strength": strength,
    }  # fmt: skip


def write(path: Path, cells: int, features: int) -> None:
    """Write embeddings of about so many cells, a well at a time."""
    import pandas as pd

    from phenovae.base.tables import TableWriter
    from phenovae.cells.table import EMBEDDINGS

    random = np.random.default_rng(SEED)
    wells = design()
    plates = 0.3 * random.normal(size=(PLATES, features))
    mechanisms = 0.13 * random.normal(size=(MECHANISMS, features))
    compounds = 0.3 * random.normal(size=(COMPOUNDS, features))
    mixing = np.eye(features) + 0.3 * random.normal(size=(features, features)) / np.sqrt(features)
    mixing = mixing.astype(np.float32)
    names = [f"z_{number:03d}" for number in range(features)]
    with TableWriter(path, EMBEDDINGS) as table:
        for number, well in enumerate(wells):
            count = cells * (number + 1) // len(wells) - cells * number // len(wells)
            shift = plates[int(str(well["plate"]))] + 0.15 * random.normal(size=features)
            if well["moa"] is not None:
                mechanism = int(str(well["moa"]).split()[1])
                compound = int(str(well["compound"]).split()[1])
                effect = mechanisms[mechanism] + compounds[compound]
                shift = shift + effect * int(str(well["strength"])) / 2
            values = random.standard_normal((count, features), np.float32) @ mixing
            values += shift.astype(np.float32)
            site = np.arange(count) * SITES // max(count, 1)
            plate = f"Week{int(str(well['plate'])) % WEEKS + 1}_{10_000 + int(str(well['plate']))}"
            fields = np.array([f"{plate}_{well['well']}_s{n + 1}" for n in range(SITES)], object)
            first = {
                "Metadata_Plate": plate, "Metadata_Well": well["well"], "Metadata_Replicate": 1,
                "Metadata_Batch": plate.split("_")[0], "Metadata_Compound": well["compound"],
                "Metadata_Concentration": well["dose"], "Metadata_MoA": well["moa"],
                "Metadata_Role": "negative_control" if well["moa"] is None else "treatment",
            }  # fmt: skip
            known = pd.DataFrame(first, index=range(count))
            known["Metadata_Site"] = site + 1
            known["Metadata_Field"] = fields[site]
            known["Metadata_Cell"] = np.arange(count)
            known["Metadata_File"] = [f"{field}_{n}.npy" for n, field in enumerate(fields[site])]
            table.add(pd.concat([known, pd.DataFrame(values, columns=names)], axis=1))


def reading(path: Path) -> dict[str, object]:
    """The bytes of the file."""
    total = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 22):
            total += len(block)
    return {"bytes": total}


def decoding(path: Path) -> dict[str, object]:
    """The features of the file as columns, block by block."""
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetFile(path) as file:
        names = [name for name in file.schema_arrow.names if name.startswith("z_")]
        for batch in file.iter_batches(16_384, columns=names):
            rows += batch.num_rows
    return {"rows": rows}


def phenovae(path: Path) -> dict[str, object]:
    """Scores of the file by this package."""
    from phenovae.evaluate.measures import NONE
    from phenovae.pipeline.foreign import Changes, Scoring, score_table
    from phenovae.profiles.reading import ReadOptions

    scored = score_table(
        path, None, None, ["caicedo2018"], ReadOptions(name="model"), Changes(),
        Scoring(DRAWS, SEED, measures=NONE),
    )  # fmt: skip
    return _outcome({str(record["metric"]): record for record in scored.records})


def probe(path: Path) -> dict[str, object]:
    """The cell probe of the file by this package."""
    from phenovae.evaluate.probe_records import evaluate_probe
    from phenovae.profiles.reading import read_features

    record = evaluate_probe(read_features(path).features, seed=SEED, draws=DRAWS)
    return {"value": record["value"]}


def plain(path: Path) -> dict[str, object]:
    """The same scores with pandas and scikit-learn."""
    import pandas as pd
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    frame = pd.read_parquet(path)
    latents = [name for name in frame.columns if name.startswith("z_")]
    about = [
        "Metadata_Plate", "Metadata_Well", "Metadata_Batch", "Metadata_Compound",
        "Metadata_Concentration", "Metadata_MoA",
    ]  # fmt: skip
    frame["Metadata_MoA"] = frame["Metadata_MoA"].fillna("")
    sites = frame.groupby([*about, "Metadata_Field"])[latents].mean().reset_index()
    dmso = sites["Metadata_Compound"] == "DMSO"
    values = sites[latents].to_numpy(np.float64)
    scaler = StandardScaler().fit(values[dmso])
    scaled = scaler.transform(values)
    pca = PCA(svd_solver="full").fit(scaled[dmso])
    count = int(dmso.sum())
    variance = pca.explained_variance_ * (count - 1) / count
    sites[latents] = pca.transform(scaled) / np.sqrt(variance + 1.0)
    wells = sites.loc[~dmso].groupby(about)[latents].mean().reset_index()
    keys = ["Metadata_Compound", "Metadata_Concentration", "Metadata_MoA"]
    treatments = wells.groupby(keys)[latents].mean().reset_index()
    batches = wells.groupby(keys)["Metadata_Batch"].agg(set).tolist()
    made = time.process_time()
    found = {}
    for metric in ("NSC", "NSCB"):
        found.update(_plain_scores(treatments, treatments[latents].to_numpy(), batches, metric))
    scored = time.process_time() - made
    return {**_outcome(found), "seconds of processors for scores alone": round(scored, 1)}


def _plain_scores(treatments, values, batches, metric):
    from sklearn.metrics import average_precision_score
    from sklearn.metrics.pairwise import cosine_similarity

    compounds = treatments["Metadata_Compound"].to_numpy()
    moas = treatments["Metadata_MoA"].to_numpy()
    like = cosine_similarity(values)
    count = len(values)
    allowed = np.zeros((count, count), bool)
    for i in range(count):
        for j in range(count):
            apart = metric == "NSC" or not batches[i] & batches[j]
            allowed[i, j] = compounds[i] != compounds[j] and apart
    same = moas[:, None] == moas[None, :]
    can = (allowed & same).any(axis=1)
    nearest, right, names = [], [], []
    queries = np.flatnonzero(can)
    for i in queries:
        others = [j for j in range(count) if allowed[i, j] and can[j]]
        best = max(others, key=lambda j: like[i, j])
        nearest.append(best)
        right.append(moas[best] == moas[i])
        names.append(compounds[i])
    right, names = np.array(right, float), np.array(names)
    low, high = _plain_interval(right, names)
    null = []
    random = np.random.default_rng(SEED)
    known = np.unique(names)
    own = {name: moas[compounds == name][0] for name in known}
    ask = allowed[queries] & can[None, :]
    for _ in range(DRAWS):
        dealt = dict(zip(known, random.permutation(list(own.values())), strict=True))
        labels = np.array([dealt.get(c, m) for c, m in zip(compounds, moas, strict=True)])
        possible = (ask & (labels[queries][:, None] == labels[None, :])).any(axis=1)
        hits = labels[nearest] == labels[queries]
        null.append(hits[possible].mean() if possible.any() else 0.0)
    p = (1 + (np.array(null) >= right.mean()).sum()) / (1 + DRAWS)
    precision, asked, kinds = [], [], {}
    for i in queries:
        positive = allowed[i] & same[i]
        negative = ~same[i] & can
        if metric == "NSCB":
            negative &= np.array([not batches[i] & batches[j] for j in range(count)])
        ranked = positive | negative
        if not negative.any():
            continue
        precision.append(average_precision_score(positive[ranked], like[i, ranked]))
        asked.append(compounds[i])
        kinds[int(positive.sum()), int(ranked.sum())] = None
    for positives, total in kinds:
        truth = np.zeros(total)
        truth[:positives] = 1
        drawn = [average_precision_score(truth, random.random(total)) for _ in range(DRAWS)]
        kinds[positives, total] = np.array(drawn)
    interval = _plain_interval(np.array(precision), np.array(asked))
    return {
        metric: {"correct": int(right.sum()), "total": len(right), "low": low, "high": high,
                 "p_value": p},
        f"{metric} mAP": {"value": float(np.mean(precision)), "total": len(precision),
                          "low": interval[0], "high": interval[1]},
    }  # fmt: skip


def _plain_interval(right, names):
    random = np.random.default_rng(SEED)
    known = np.unique(names)
    members = {name: np.flatnonzero(names == name) for name in known}
    shares = []
    for _ in range(DRAWS):
        drawn = random.choice(known, len(known))
        shares.append(right[np.concatenate([members[name] for name in drawn])].mean())
    return tuple(float(each) for each in np.quantile(shares, (0.025, 0.975)))


def _outcome(records: dict[str, dict[str, object]]) -> dict[str, object]:
    told = {}
    for metric, record in records.items():
        if "mAP" in metric:
            told[metric] = round(float(str(record["value"])), 6)
        else:
            told[metric] = f"{record['correct']:g}/{record['total']}"
    return told


WAYS = {
    "reading": reading, "decoding": decoding, "phenovae": phenovae, "plain": plain, "probe": probe,
}  # fmt: skip


def measured(way: str, path: Path) -> dict[str, object]:
    """Seconds, peak of memory and outcome of a way, in a process of its own."""
    line = [sys.executable, __file__, str(path), "--way", way]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print seconds, peak of memory and the outcome of each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cells", type=int, default=480_000)
    parser.add_argument("--features", type=int, default=256)
    parser.add_argument("--grow", action="store_true")
    parser.add_argument("--upto", type=int, default=GROWTH[-1])
    parser.add_argument("--probe", action="store_true")
    parser.add_argument("--way", choices=[*WAYS, "write"])
    asked = parser.parse_args()
    if asked.way == "write":
        write(asked.folder, asked.cells, asked.features)
        return
    if asked.way:
        start, busy = time.perf_counter(), time.process_time()
        outcome = WAYS[asked.way](asked.folder)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"wall": seconds, "busy": busy, "peak": peak, "outcome": outcome}))
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    sizes = [each for each in GROWTH if each <= asked.upto] if asked.grow else [asked.cells]
    for cells in sizes:
        compare(asked.folder, cells, asked.features, probed=asked.probe)


def compare(folder: Path, cells: int, features: int, *, probed: bool) -> None:
    """Print what each way took for so many cells."""
    path = folder / f"embeddings-{cells}-{features}.parquet"
    if not path.exists():
        line = [sys.executable, __file__, str(path), "--way", "write"]
        line += ["--cells", str(cells), "--features", str(features)]
        subprocess.run(line, check=True)
    print(f"{cells:,} cells of {features} features, {path.stat().st_size / 2**20:,.0f} MiB")
    measured("reading", path)
    ways = ["reading", "decoding", "phenovae"]
    ways += ["plain"] if cells <= PLAIN_UPTO else []
    ways += ["probe"] if probed else []
    found: dict[str, dict[str, object]] = {}
    for way in ways:
        found[way] = each = measured(way, path)
        print(
            f"  {way:9s} {each['wall']:7.1f} s, {each['busy']:7.1f} s of processors, "
            f"{each['peak']:6,.0f} MiB  {each['outcome']}",
            flush=True,
        )
    own = found["phenovae"]
    for way in ("decoding", "plain"):
        if way in found:
            print(
                f"  {way} / phenovae: {found[way]['wall'] / own['wall']:.2f} of the time, "
                f"{found[way]['busy'] / own['busy']:.2f} of the processors, "
                f"{found[way]['peak'] / own['peak']:.2f} of the memory"
            )
    if "plain" in found:
        same = _alike(found["plain"]["outcome"], own["outcome"])
        print("  the outcomes are the same" if same else "  THE OUTCOMES DIFFER")


def _alike(one: dict[str, object], other: dict[str, object]) -> bool:
    def same(a: object, b: object) -> bool:
        return a == b if isinstance(a, str) else abs(float(str(a)) - float(str(b))) < 1e-4

    return all(same(one[name], other[name]) for name in other)


if __name__ == "__main__":
    main()
