"""Operations that are killed, meet failing disks, or whose photos go away, at any system call."""

from __future__ import annotations

import errno
import os
import random
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torture.operations import OPERATIONS, BrokenPromiseError, Case
from torture.system_calls import Action, Kind, Plan, arm, count, watch

_OK: Final = (0, 1, 3)


@dataclass(frozen=True)
class Trial:
    """An operation and what happens to it."""

    operation: str
    plan: Plan

    def __str__(self) -> str:
        name = errno.errorcode.get(self.plan.error, "")
        what = f"{self.plan.action.name.lower().replace('_', ' ')} {name}".strip()
        return f"{self.operation}, {what} at call {self.plan.at} ({self.plan.kinds!r})"


def kills(folder: Path, seed: int, trials: int | None) -> str:
    """Kill each operation, at the system calls that change files."""
    case = Case(folder)
    watch(case.galleries)
    done = _try(case, _spread(case, seed, trials, Kind.CHANGES, [Plan(Kind.CHANGES, Action.KILL)]))
    return f"{done} kills of {', '.join(OPERATIONS)}: nothing lost, all completed by the next run"


def disk_errors(folder: Path, seed: int, trials: int | None) -> str:
    """Let system calls on a gallery fail, once or from then on."""
    case = Case(folder)
    watch(case.galleries)
    kinds = Kind.READS | Kind.CHANGES
    actions = (Action.FAIL_ONCE, Action.FAIL_FROM_THEN_ON)
    plans = [Plan(kinds, action, error=errno.EIO) for action in actions]
    done = _try(case, _spread(case, seed, trials, kinds, plans))
    return f"{done} input/output errors, at system calls of {', '.join(OPERATIONS)}"


def full_disks(folder: Path, seed: int, trials: int | None) -> str:
    """Let the disk of a gallery be full, from any call that needs space."""
    case = Case(folder)
    watch(case.galleries)
    plans = [Plan(Kind.GROWS, Action.FAIL_FROM_THEN_ON, error=errno.ENOSPC)]
    done = _try(case, _spread(case, seed, trials, Kind.GROWS, plans))
    return f"{done} full disks"


def failing_photos(folder: Path, seed: int, trials: int | None) -> str:
    """Let the disk of the photos fail, once or from then on, or go away, at any call."""
    case = Case(folder)
    watch(case.photos)
    plans = [
        Plan(Kind.READS, Action.FAIL_ONCE, error=errno.EIO),
        Plan(Kind.READS, Action.FAIL_FROM_THEN_ON, error=errno.EIO),
        Plan(Kind.READS, Action.MOVE_AWAY, moved=(case.photos, case.photos.with_name("away"))),
    ]
    done = _try(case, _spread(case, seed, trials, Kind.READS, plans))
    return f"{done} disks of photos that fail or leave"


def _spread(case: Case, seed: int, trials: int | None, kinds: Kind, plans: list[Plan]) -> Iterator[Trial]:
    """So many trials at calls chosen by chance, evenly over the operations and plans; None for every call."""
    rng = random.Random(seed)
    totals = {operation: _count_calls(case, operation, kinds) for operation in OPERATIONS}
    everything = [(name, plan) for name in OPERATIONS if totals[name] for plan in plans]
    for number, (name, plan) in enumerate(everything):
        numbers: Iterable[int] = range(1, totals[name] + 1)
        if trials is not None:
            share = trials // len(everything) + (number < trials % len(everything))
            numbers = sorted(rng.sample(list(numbers), min(share, totals[name])))
        for at in numbers:
            yield Trial(name, Plan(plan.kinds, plan.action, at, plan.error, plan.moved))


def _count_calls(case: Case, operation: str, kinds: Kind) -> int:
    case.reset(operation)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        arm(Plan(kinds))
        case.run(operation)
        os.write(writer, str(count()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    number = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    return number


def _try(case: Case, trials: Iterable[Trial]) -> int:
    """Carry out the trials; returns their number. Raises :class:`BrokenPromiseError` that names those that failed."""
    done, failures = 0, []
    for trial in trials:
        done += 1
        try:
            _carry_out(case, trial)
        except BrokenPromiseError as error:
            failures.append(f"{trial}: {error}")
    if failures:
        raise BrokenPromiseError(f"{len(failures)} of {done} trials failed:\n" + "\n".join(failures))
    return done


def _carry_out(case: Case, trial: Trial) -> None:
    case.reset(trial.operation)
    ending = _in_child(case, trial)
    if trial.plan.moved is not None and trial.plan.moved[1].exists():
        trial.plan.moved[1].rename(trial.plan.moved[0])
    _check_ending(trial, *ending)
    unread = Kind.READS in trial.plan.kinds
    try:
        case.check_now(trial.operation, unread=unread)
        case.complete(trial.operation, unread=unread)
    except BrokenPromiseError as error:
        raise BrokenPromiseError(f"{error}; it had ended with {ending}") from error


def _in_child(case: Case, trial: Trial) -> tuple[int, str]:
    """The exit code of the operation in a child process, negative for a signal, and what it wrote to standard error."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code, messages = 99, ""
        try:
            arm(trial.plan)
            result = case.run(trial.operation)
            arm(Plan(Kind(0)))
            code, messages = result.code, result.messages
        except BaseException as error:  # noqa: BLE001  the parent tells
            import traceback

            arm(Plan(Kind(0)))
            messages = "".join(traceback.format_exception(error))
        os.write(writer, messages.encode(errors="replace")[-60_000:])
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        messages = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), messages


def _check_ending(trial: Trial, code: int, messages: str) -> None:
    """Killed processes are killed, and others end with an exit code and a line that says why."""
    if trial.plan.action is Action.KILL:
        if code != -signal.SIGKILL:
            raise BrokenPromiseError(f"not killed, but ended with {code}: {messages}")
        return
    if code not in _OK:
        raise BrokenPromiseError(f"ended with {code}: {messages}")
    if code == 1 and (messages.count("\n") != 1 or not messages.startswith("lookalike: ")):
        raise BrokenPromiseError(f"told in several lines: {messages}")
