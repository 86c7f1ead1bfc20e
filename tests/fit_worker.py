"""Fits a table and kills itself, as `kill -9` would, when so many steps are done."""

import os
import signal
import sys
from pathlib import Path

from tests.own_fits import fit_quickly, labelled_loans

if __name__ == "__main__":
    folder, last = Path(sys.argv[1]), int(sys.argv[2])

    def die(done: int, _total: int) -> None:
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)

    fit_quickly(labelled_loans(), diary=folder / "trials.jsonl", on_progress=die)
