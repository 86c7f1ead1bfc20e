"""CPU time of a process and everything it started, from /proc."""

import os
from collections import defaultdict
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def tree_cpu_seconds(root: int) -> float:
    """User and system time of a process, its living descendants and the children they waited for [s].

    Raises
    ------
    ProcessLookupError
        If there is no such process.
    """
    parents, used = _read_processes()
    if root not in used:
        raise ProcessLookupError(f"There is no process {root} to measure.")
    children: dict[int, list[int]] = defaultdict(list)
    for process, parent in parents.items():
        children[parent].append(process)
    line, total = [root], 0
    while line:
        process = line.pop()
        total += used[process]
        line += children[process]
    return total / _TICKS_PER_S


def parent_of(process: int) -> int:
    """The process that started this one, e.g. PostgreSQL's own from one of its backends."""
    return _read_processes()[0][process]


def _read_processes() -> tuple[dict[int, int], dict[int, int]]:
    """Parent, and ticks used, of every process."""
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile; its parent has its time
        # The name may hold spaces and brackets, so fields count from after its last bracket:
        # state, ppid, …; utime, stime, cutime and cstime are the 14th to 17th of the whole line.
        fields = stat[stat.rindex(")") + 2 :].split()
        parents[int(entry.name)] = int(fields[1])
        used[int(entry.name)] = sum(int(ticks) for ticks in fields[11:15])
    return parents, used
