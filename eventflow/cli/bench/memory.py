"""What the process holds in memory, where the system tells."""

import gc
import os
from pathlib import Path

_STATUS = Path("/proc/self/statm")


def resident_megabytes() -> float | None:
    """Tell what the process holds, after garbage was collected; None where nobody can tell."""
    gc.collect()
    if not _STATUS.exists():
        return None
    pages = int(_STATUS.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
