"""What a process may do for its speed that owns itself; a library never does it unasked."""

import gc
import sys

THRESHOLD = 20_000
"""New objects after which the collector looks for cycles; 700 by default."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which a busy thread lets another one go on; 0.005 by default."""


def tune_process() -> None:
    """Look for cycles of garbage less often, and let the thread of a store go on sooner.

    For processes that are workers and little else: the command line does it for `eventflow worker`
    and `eventflow bench`. An application calls it once, when it has imported its modules.

    What the engine makes and drops has no cycles, so looking for them is a tenth of the work of a
    busy worker and finds nothing; what was loaded so far is never looked at again. A thread that
    writes to SQLite asks for Python's lock after each statement, and while the event loop is busy
    it waits for as long as the switch interval says: several times for each transaction.
    """
    gc.collect()
    gc.freeze()
    _, second, third = gc.get_threshold()
    gc.set_threshold(THRESHOLD, second, third)
    sys.setswitchinterval(SWITCH_INTERVAL)
