"""Power cuts at any moment of an operation, and whether each sync is needed."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest import mock

from lookalike.gallery.local.database import has_database
from lookalike.gallery.local.store import LocalStore
from torture.disk import Disk, Kept
from torture.operations import OPERATIONS, BrokenPromiseError, Case
from torture.system_calls import Call, mark, read_log, recorded, watch

_DONE: Final = "done"
_NEEDLESS: Final = frozenset({"gallery.sqlite3-journal", "gallery.sqlite3-new-journal"})
"""SQLite's, of a database that is not in its place yet, or has nothing yet."""


@dataclass(frozen=True)
class _PowerCut:
    """A power cut after the first ``calls`` recorded calls; ``seed`` decides what is on the disk."""

    operation: str
    calls: int
    kept: Kept
    seed: int

    def __str__(self) -> str:
        return f"{self.operation}, power cut after call {self.calls} ({self.kept.value} of what wasn't synced)"


class Recordings:
    """The system calls of each operation, recorded once."""

    def __init__(self, folder: Path) -> None:
        self.case = Case(folder)
        watch(self.case.galleries)
        self.calls = {operation: self._record(operation, folder / "log") for operation in OPERATIONS}

    def _record(self, operation: str, log: Path) -> list[Call]:
        self.case.reset(operation)
        real = LocalStore.commit

        def commit(store: LocalStore, changes: object) -> None:
            real(store, changes)  # type: ignore[arg-type]
            mark(f"{store.count()} images")

        with mock.patch.object(LocalStore, "commit", commit), recorded(log):
            result = self.case.run(operation)
            mark(_DONE)
        assert result.code == 0, result
        return read_log(log)

    def disk_before(self, operation: str) -> Disk:
        """The disk when the operation begins."""
        self.case.reset(operation)
        return Disk(self.case.galleries)

    def check(self, disk: Disk, calls: list[Call], cut: _PowerCut) -> None:
        """Check what a power cut leaves of ``disk``, to which ``calls`` were made.

        Raises :class:`BrokenPromiseError`.
        """
        shutil.rmtree(self.case.galleries)
        self.case.galleries.mkdir()
        disk.write_after(self.case.galleries, cut.kept, random.Random(cut.seed))
        marks = [call.data.decode() for call in calls if call.operation == "!"]
        self.case.check_now(cut.operation)
        if marks and cut.operation == "index":
            images = len(self.case.state().digests) if has_database(self.case.gallery) else 0
            told = max((int(text.split()[0]) for text in marks if text != _DONE), default=0)
            if images < told:
                raise BrokenPromiseError(f"{images} images, but {told} were committed")
        if _DONE in marks:
            self._check_done(cut.operation)
        self.case.complete(cut.operation)

    def _check_done(self, operation: str) -> None:
        if operation == "backup":
            if not (self.case.backup / "gallery.sqlite3").exists():
                raise BrokenPromiseError("the backup is gone")
        elif not has_database(self.case.gallery) or self.case.state().digests != self.case.after[operation].digests:
            raise BrokenPromiseError("it was done, but isn't")


def power_cuts(folder: Path, seed: int, trials: int | None) -> str:
    """Cut the power after any system call, with none, all or some of what wasn't synced on the disk."""
    recordings = Recordings(folder)
    failures, done = [], 0
    for operation, calls in recordings.calls.items():
        wanted = _choose(operation, len(calls), seed, None if trials is None else max(1, trials // len(OPERATIONS)))
        for trial in _cuts(recordings, operation, calls, wanted):
            done += 1
            if trial is not None:
                failures.append(trial)
    if failures:
        raise BrokenPromiseError(f"{len(failures)} of {done} power cuts lost something:\n" + "\n".join(failures))
    syncs = sum(call.operation == "s" for calls in recordings.calls.values() for call in calls)
    return f"{done} power cuts among {sum(map(len, recordings.calls.values()))} calls with {syncs} syncs: nothing lost"


def _choose(operation: str, total: int, seed: int, trials: int | None) -> list[_PowerCut]:
    """All cuts of a recording, or so many chosen by chance."""
    everything = [_PowerCut(operation, calls, kept, seed + calls) for calls in range(total + 1) for kept in Kept]
    if trials is None:
        return everything
    chosen = random.Random(f"{seed} {operation}").sample(everything, min(trials, len(everything)))
    return sorted(chosen, key=lambda cut: cut.calls)


def _cuts(recordings: Recordings, operation: str, calls: list[Call], wanted: list[_PowerCut]) -> Iterator[str | None]:
    """Carry out cuts in the order of their calls; yields what is wrong after each, None if nothing is."""
    disk, applied = recordings.disk_before(operation), 0
    for cut in wanted:
        while applied < cut.calls:
            disk.apply(calls[applied])
            applied += 1
        try:
            recordings.check(disk, calls[:applied], cut)
        except BrokenPromiseError as error:
            yield f"{cut}: {error}"
        else:
            yield None


def left_out_syncs(folder: Path, seed: int, trials: int | None) -> str:
    """Leave out the syncs of one file or folder after the other: without them, some power cut must lose something.

    ``trials`` is the number of power cuts for each.
    """
    recordings = Recordings(folder)
    missed, left_out = set(), {_kind(call) for calls in recordings.calls.values() for call in calls if _is_sync(call)}
    for operation, calls in recordings.calls.items():
        for kind in sorted({_kind(call) for call in calls if _is_sync(call)} - missed):
            cuts = _cuts_without(operation, calls, kind)
            at_end = [cut for cut in cuts if cut.calls == cuts[-1].calls]  # the most likely ones
            if trials is not None:
                cuts = random.Random(f"{seed} {operation} {kind}").sample(cuts, min(trials, len(cuts)))
            rest = [call for call in calls if not (_is_sync(call) and _kind(call) == kind)]
            tried = (at_end, sorted(cuts, key=lambda cut: cut.calls))
            if any(loss for wanted in tried for loss in _cuts(recordings, operation, rest, wanted)):
                missed.add(kind)
    if left_out - missed - _NEEDLESS:
        raise BrokenPromiseError(f"no power cut misses the syncs of {sorted(left_out - missed - _NEEDLESS)}")
    return f"the syncs of {len(left_out)} files and folders left out: missed are those of {', '.join(sorted(missed))}"


def _cuts_without(operation: str, calls: list[Call], kind: str) -> list[_PowerCut]:
    """Power cuts after the first of the syncs that are left out."""
    first = next(number for number, call in enumerate(calls) if _is_sync(call) and _kind(call) == kind)
    end = sum(not (_is_sync(call) and _kind(call) == kind) for call in calls)
    return [
        _PowerCut(operation, number, kept, first) for number in range(first, end + 1) for kept in (Kept.NONE, Kept.SOME)
    ]


def _is_sync(call: Call) -> bool:
    return call.operation == "s"


def _kind(call: Call) -> str:
    """What is synced: the name of a file or folder, without the number of a vector file."""
    return re.sub(r"-\d+", "", Path(call.path).name)
