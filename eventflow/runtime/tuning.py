"""What a process may do for its speed that owns itself; a library never does it unasked."""

import gc

THRESHOLD = 20_000
"""New objects after which the collector looks for cycles; 700 by default."""


def tune_collector() -> None:
    """Let Python look for cycles of garbage less often, and never among what was loaded so far.

    For processes that are workers and little else: the command line does it for `eventflow worker`
    and `eventflow bench`. An application calls it once, when it has imported its modules. What the
    engine makes and drops has no cycles, so looking for them is a tenth of the work of a busy
    worker and finds nothing.
    """
    gc.collect()
    gc.freeze()
    _, second, third = gc.get_threshold()
    gc.set_threshold(THRESHOLD, second, third)
