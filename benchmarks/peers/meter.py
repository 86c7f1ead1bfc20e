"""What one process used, as the JSON line that ends its output.

Standard library only, because both environments load it.
"""

import json
import resource
import sys
import time
from pathlib import Path


def cpu_seconds() -> float:
    """User and system time of this process and the children it has waited for [s]."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def peak_rss_mib() -> float:
    """Largest resident set of this process so far [MiB].

    Linux lets `ru_maxrss` start at the size of the process that forked this one, so a small peer
    started by a large runner would be charged for its parent; `VmHWM` counts this program alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


class Meter:
    """Starts counting when it is made, that is after the imports.

    Importing libraries is reported apart as `import_cpu_seconds`: a service pays for it once.
    """

    def __init__(self) -> None:
        self._cpu = cpu_seconds()
        self._wall = time.perf_counter()

    def report(self, **figures: float | str) -> None:
        """Print what was used since the start, with the program's own figures."""
        used = {
            "cpu_seconds": round(cpu_seconds() - self._cpu, 4),
            "wall_seconds": round(time.perf_counter() - self._wall, 4),
            "peak_rss_mib": round(peak_rss_mib(), 1),
            "import_cpu_seconds": round(self._cpu, 4),
        }
        print(json.dumps(used | figures), flush=True)
