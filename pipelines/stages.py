"""What the stages of a run did: records, seconds, and the peak memory of this process and its workers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, int, int], None]
"""Called with stage, done and total (0: not known)."""
SAMPLE_SECONDS = 0.05
_MIB = 1 << 20
_PAGE = 4096


@dataclass
class Stage:
    """One stage of a run."""

    name: str
    records: int = 0
    seconds: float = 0.0
    peak_mib: float = 0.0


class Clock:
    """Measures the stages of one run."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.stages: list[Stage] = []
        self._progress = progress
        self._begun = time.perf_counter()

    def tell(self, stage: str, done: int, total: int = 0) -> None:
        """Tell how far a stage is."""
        if self._progress is not None:
            self._progress(stage, done, total)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Measure a stage; one that runs several times adds up."""
        found = next((stage for stage in self.stages if stage.name == name), None)
        if found is None:
            found = Stage(name)
            self.stages.append(found)
        begun = time.perf_counter()
        with _sampled() as peak:
            try:
                yield found
            finally:
                found.seconds += time.perf_counter() - begun
        found.peak_mib = max(found.peak_mib, peak[0])

    def rest(self, name: str) -> None:
        """Count as a stage what passed beside the others since this clock began."""
        beside = time.perf_counter() - self._begun - sum(stage.seconds for stage in self.stages)
        self.stages.append(Stage(name, 0, beside, _resident()))


@contextmanager
def _sampled() -> Iterator[list[float]]:
    """Sample resident memory of this process and its children while the block runs."""
    peak = [_resident()]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], _resident())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        peak[0] = max(peak[0], _resident())


def _resident() -> float:
    """Resident memory in MiB of this process and all below it (proc_pid_statm(5)); 0 where /proc is absent."""
    total, pending = 0, ["self"]
    while pending:
        pid = pending.pop()
        base = Path("/proc") / pid
        try:
            total += int((base / "statm").read_text("ascii").split()[1]) * _PAGE
            for task in (base / "task").iterdir():
                pending += (task / "children").read_text("ascii").split()
        except (OSError, IndexError, ValueError):
            continue
    return total / _MIB
