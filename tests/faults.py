"""Faults at every step by which the lake changes: files written, flushed, renamed."""

import json
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from features import landing


class Fault:
    """Counts the steps of a run and breaks one of them."""

    def __init__(self, step: int, error: BaseException) -> None:
        self.left = step
        self.error = error

    @property
    def has_struck(self) -> bool:
        return self.left < 0

    def step(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise self.error

    def around(
        self, real: Callable[..., object], *, also_after: bool = True
    ) -> Callable[..., object]:
        """Breaks before the step is done, or right after."""

        def broken(*args: object, **options: object) -> object:
            self.step()
            result = real(*args, **options)
            if also_after:
                self.step()
            return result

        return broken


@contextmanager
def breaking(step: int, error: BaseException) -> Generator[Fault]:
    """Break the step of that number in whatever runs inside."""
    fault = Fault(step, error)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landing, "copy_to", fault.around(landing.copy_to))
        patch.setattr(os, "fsync", fault.around(os.fsync, also_after=False))
        patch.setattr(Path, "replace", fault.around(Path.replace))
        patch.setattr("features.lake.json.dumps", fault.around(json.dumps, also_after=False))
        yield fault
