"""Replaying a run from its journal into a new folder, and saying what comes out otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from phenovae.base.errors import InputError, UsageError, nearest
from phenovae.base.files import read_json
from phenovae.base.findings import Finding, as_records, note, warning
from phenovae.base.progress import SILENT, Progress
from phenovae.pipeline.changes import Basis, changes
from phenovae.pipeline.config import Config, load_config
from phenovae.pipeline.differences import Difference, Likeness, compare_output
from phenovae.pipeline.execute import CONFIG_NAME, existing_run, needed_stages, run_stages
from phenovae.pipeline.journal import Journal, machine, versions
from phenovae.pipeline.order import stages_of
from phenovae.pipeline.stage import Stage, fingerprint_of_input
from phenovae.report.facts import mapping

_JOURNAL = "run.json"
_SAME = (Likeness.IDENTICAL, Likeness.SAME, Likeness.CLOSE)


@dataclass(frozen=True)
class Replay:
    """What is to be replayed, and what is known to be otherwise before anything runs.

    `blocked` maps stages that cannot be replayed to the reason.
    """

    run: Path
    config: Config
    stages: tuple[str, ...]
    blocked: Mapping[str, str]
    before: tuple[Finding, ...]


@dataclass(frozen=True)
class Compared:
    """An output of a stage in both runs, file by file."""

    stage: str
    output: str
    files: tuple[Difference, ...]

    @property
    def likeness(self) -> Likeness:
        """That of the file that is least alike."""
        order = list(Likeness)
        return max((each.likeness for each in self.files), key=order.index, default=order[0])

    @property
    def same(self) -> bool:
        """Whether nothing differs by more than the tolerance."""
        return self.likeness in _SAME


@dataclass(frozen=True)
class Outcome:
    """What a replay came to."""

    replay: Replay
    out: Path
    compared: tuple[Compared, ...]

    @property
    def same(self) -> bool:
        """Whether every stage was replayed and every output is the same."""
        return not self.replay.blocked and all(each.same for each in self.compared)

    def as_dict(self) -> Mapping[str, object]:
        """The outcome as JSON; a difference that no number tells is null."""
        return {
            "run": str(self.replay.run),
            "replay": str(self.out),
            "same": self.same,
            "blocked": dict(self.replay.blocked),
            "before": as_records(self.replay.before),
            "outputs": [
                {
                    "stage": each.stage,
                    "output": each.output,
                    "likeness": str(each.likeness),
                    "files": [
                        {**asdict(file), "largest": file.largest if file.largest < 1e300 else None}
                        for file in each.files
                    ],
                }
                for each in self.compared
            ],
        }


def plan_replay(run: Path, stages: Sequence[str] = (), until: str | None = None) -> Replay:
    """What a replay of a run would do: all its finished stages, or those named and what they need.

    Raises InputError where there is no run or no journal, UsageError where a stage is not known or
    the run has not finished it.
    """
    config = load_config(existing_run(run) / CONFIG_NAME)
    told = mapping(read_json(run / _JOURNAL))
    journal = Journal.open(run, config.seed)
    order = stages_of(config)
    wanted = _wanted(order, journal, stages, until, run)
    chosen = tuple(stage for stage in order if stage.name in wanted)
    blocked: dict[str, str] = {}
    said = [*_of_versions(told), *_of_seed(told, config)]
    for stage in chosen:
        found, gone = _of_basis(stage, config, journal)
        said += found
        held = [need for need in stage.needs if need in blocked]
        if gone:
            blocked[stage.name] = f"{', '.join(gone)} is gone"
        elif held:
            blocked[stage.name] = f"it needs {held[0]}"
    return Replay(run, config, tuple(stage.name for stage in chosen), blocked, tuple(said))


def replay_run(replay: Replay, out: Path | None = None, progress: Progress = SILENT) -> Outcome:
    """Run the stages anew in a new folder, `<run>-repro` unless named, and compare every output.

    Raises UsageError where the folder is there already, and whatever a stage raises.
    """
    folder = out if out is not None else default_folder(replay.run)
    check_new(folder)
    names = [name for name in replay.stages if name not in replay.blocked]
    if names:
        run_stages(names, replay.config, folder, progress)
    before, after = Journal.open(replay.run, 0), Journal.open(folder, 0)
    compared = []
    for name in names:
        outputs = dict.fromkeys([*before.stages[name].outputs, *after.stages[name].outputs])
        compared += [
            Compared(name, output, tuple(compare_output(replay.run, folder, output)))
            for output in outputs
        ]
    return Outcome(replay, folder, tuple(compared))


def default_folder(run: Path) -> Path:
    """The folder beside a run that its replay goes to."""
    whole = run.resolve()
    return whole.with_name(f"{whole.name}-repro")


def check_new(folder: Path) -> None:
    """Raise UsageError where a folder is there already: nothing is overwritten."""
    if folder.exists():
        raise UsageError(
            "the folder of the replay is there already",
            where=folder,
            mend="remove it, or name another with --out",
        )


def _wanted(
    order: tuple[Stage, ...],
    journal: Journal,
    stages: Sequence[str],
    until: str | None,
    run: Path,
) -> set[str]:
    known = [stage.name for stage in order]
    for name in (*stages, *((until,) if until else ())):
        if name not in known:
            raise UsageError(f"the run has no stage {name!r}", where=run, mend=nearest(name, known))
        if name not in journal.stages:
            raise UsageError(
                f"the run has not finished its stage {name}",
                where=run,
                mend=f"finished: {', '.join(journal.stages) or 'none'}",
            )
    if stages:
        known = [name for name in known if name in needed_stages(stages, order)]
    if until:
        known = [name for name in known if name in needed_stages({until}, order)]
    wanted = {name for name in known if name in journal.stages}
    if not wanted:
        raise InputError("the run has no finished stage to replay", where=run)
    return wanted


def _of_versions(told: Mapping[str, object]) -> Iterator[Finding]:
    for key, now in (("versions", versions()), ("machine", machine())):
        was = mapping(told.get(key))
        changed = [
            f"{name} {now.get(name, 'not there')}, was {was.get(name, 'not there')}"
            for name in dict.fromkeys([*was, *now])
            if was.get(name) != now.get(name)
        ]
        if changed:
            what = "versions" if key == "versions" else "kinds of machine"
            yield warning(
                f"other {what} than the run was made with: the last digits may differ",
                changed,
                "install the same versions to replay it exactly" if key == "versions" else "",
            )


def _of_seed(told: Mapping[str, object], config: Config) -> Iterator[Finding]:
    if told.get("seed") != config.seed:
        yield warning(
            f"the seed of {CONFIG_NAME} is {config.seed}, that of the run {told.get('seed')}"
        )


def _of_basis(stage: Stage, config: Config, journal: Journal) -> tuple[list[Finding], list[str]]:
    """What is not as the stage found it, and the named inputs that are gone."""
    entry = journal.stages[stage.name]
    paths = dict(stage.inputs(config))
    gone = [f"input.{name} ({path})" for name, path in paths.items() if not path.exists()]
    inputs = {
        name: fingerprint_of_input(path) if path.exists() else entry.inputs.get(name, "")
        for name, path in paths.items()
    }
    basis = Basis(
        settings={"seed": config.seed, **stage.options(config)},
        made_with=_made_with(stage),
        inputs=inputs,
    )
    found = [warning(f"{stage.name}: {_with_path(each, paths)}") for each in changes(entry, basis)]
    found += [warning(f"{stage.name}: {each} is gone") for each in gone]
    if entry.skipped:
        found.append(note(f"{stage.name} was skipped: {entry.skipped}"))
    return found, gone


def _made_with(stage: Stage) -> dict[str, str]:
    return {"phenovae": versions()["phenovae"], "version of the stage": str(stage.version)}


def _with_path(text: str, paths: Mapping[str, Path]) -> str:
    name = text.removeprefix("the input ").removesuffix(" is another")
    path = paths.get(name)
    if path is None:
        return text
    why = "names, sizes or times in it differ" if path.is_dir() else "its SHA-256 differs"
    return f"{text}: {path}, {why}"
