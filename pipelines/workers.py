"""Worker processes: they map, key and seal, and hand rows back in order. Keys reach them in memory only."""

import gc
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from types import TracebackType
from typing import Any, Self, TypeVar

from pipelines.preparing import Preparer
from privacy.keyring import KeyMaterial, Keyring
from schemas.source import SourceDefinition

Given = TypeVar("Given")
Made = TypeVar("Made")
IN_FLIGHT = 3
"""Batches waiting per worker: enough to keep it busy, few enough to bound memory."""

GARBAGE = 100_000
"""New objects between two looks for cycles: a batch makes tens of thousands and none of them in a cycle."""

_preparer: Preparer | None = None


def _begin(material: KeyMaterial, definitions: dict[str, SourceDefinition]) -> None:
    global _preparer  # noqa: PLW0603 - one per worker process, set once when it starts
    _preparer = Preparer(Keyring.from_material(material), definitions)
    gc.freeze()
    gc.set_threshold(GARBAGE)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the run is killed: keys live no longer than it does."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(work: Callable[[Preparer, Any], Any], given: Any) -> Any:
    if _preparer is None:
        raise RuntimeError("a worker was not prepared")
    return work(_preparer, given)


class Workers:
    """Does pieces of work in order: in this process until ``start`` was called, then in worker processes."""

    def __init__(self, keyring: Keyring, definitions: dict[str, SourceDefinition], count: int | None = None) -> None:
        self._keyring = keyring
        self._definitions = definitions
        self._count = os.cpu_count() or 1 if count is None else count
        self._local = Preparer(keyring, definitions)
        self._pool: ProcessPoolExecutor | None = None

    def start(self) -> None:
        """Start the worker processes, once; with a count of 0 everything stays in this process."""
        if self._pool is None and self._count > 0:
            context = get_context("spawn")  # a fork server's socket below a deep workspace has too long a path
            self._pool = ProcessPoolExecutor(
                self._count,
                mp_context=context,
                initializer=_begin,
                initargs=(self._keyring.material(), self._definitions),
            )

    def map(self, work: Callable[[Preparer, Given], Made], given: Iterable[Given]) -> Iterator[Made]:
        """Do the work on every item; results come in the order of the items."""
        if self._pool is None:
            for item in given:
                yield work(self._local, item)
            return
        waiting: deque[Future[Made]] = deque()
        for item in given:
            waiting.append(self._pool.submit(_call, work, item))
            if len(waiting) >= self._count * IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def __enter__(self) -> Self:
        self._garbage = gc.get_threshold()
        gc.set_threshold(GARBAGE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        gc.set_threshold(*self._garbage)

    def stop(self) -> None:
        """End the worker processes, and with them what they remember."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
