"""One training on several machines: the first leads, the others take part, and all end together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from lightning_fabric import Fabric

from phenovae.base.errors import PhenovaeError, TrainingError
from phenovae.vae.devices import check_devices, device_name, precision_of
from phenovae.vae.job import Job
from phenovae.vae.joining import Ended, Member
from phenovae.vae.launching import SILENCE, LostError, Place, free_port, run_processes
from phenovae.vae.meeting import Meeting
from phenovae.vae.options import TrainOptions

_OVER = "the training has ended"
_STOPPED = "the training was interrupted; the same commands go on from its newest checkpoint"


def lead(
    work: Callable[[Fabric], None], job: Job, meeting: Meeting, silence: timedelta = SILENCE
) -> None:
    """Do the work in all processes of all machines; the meeting is over when this returns.

    Raises as `run_processes`; TrainingError, too, where a machine does not join in time, would
    train otherwise than this one, or fails; who and how is told to all others.
    """
    train = job.recipe.train
    try:
        meeting.gather(train.nodes_wait)
        meeting.prepare(job.fingerprint(), _arithmetic(train), train.nodes_wait, resume=job.resume)
        place = Place(0, meeting.nodes, meeting.host, free_port(), meeting.name)
        meeting.go(place.port)
        try:
            run_processes(work, train, silence, place, meeting.watch)
        except LostError:
            meeting.wait_for_reports()
            raise
    except PhenovaeError as error:
        meeting.end(error.what, failed=True)
        raise
    except KeyboardInterrupt:
        meeting.end(_STOPPED, failed=True)
        raise
    meeting.end(_OVER)


def take_part(
    work: Callable[[Fabric], None], job: Job, member: Member, silence: timedelta = SILENCE
) -> None:
    """Do the work in the processes of this machine, with those of the others.

    Raises what the first machine says ended all, else as `run_processes`.
    """
    train = job.recipe.train
    try:
        check_devices(train)
        member.say("ready", {"fingerprint": job.fingerprint(), "device": _arithmetic(train)})
        place = Place(member.node - 1, member.nodes, member.main, _port(member), member.name)
        run_processes(work, train, silence, place, member.watch)
    except PhenovaeError as error:
        report_failure(member, error)
        verdict = member.verdict()
        if verdict is not None:
            raise TrainingError(verdict.what, mend=error.mend) from error
        raise
    except KeyboardInterrupt:
        member.say("interrupted")
        member.verdict()
        raise
    member.say("done")


def report_failure(member: Member, error: PhenovaeError) -> None:
    """Tell the first machine why this one fails, and that it is this one."""
    named = error.what if member.name in error.what else f"{member.name}: {error.what}"
    where = f" ({error.where})" if error.where is not None else ""
    lost = isinstance(error, LostError)
    member.say("failed", {"what": named + where, "mend": error.mend, "lost": lost})


def _arithmetic(train: TrainOptions) -> str:
    """The kind of device, and the precision that `auto` comes to on it."""
    return f"{device_name(train.device)} ({precision_of(train)})"


def _port(member: Member) -> int:
    while True:
        told = member.next()
        if isinstance(told, Ended):
            raise TrainingError(told.what)
        go = told.get("go") if told is not None else None
        if isinstance(go, dict):
            return int(go["port"])
