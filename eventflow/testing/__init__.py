"""What applications and store authors need in their tests; it never imports a test framework.

What a store must pass is in `eventflow.testing.conformance`, which needs pytest.
"""

from eventflow.testing.acceptance import CheckReport, Mismatch, Part, check
from eventflow.testing.clock import ManualClock, NothingLeft
from eventflow.testing.differences import MISSING, Difference, differences
from eventflow.testing.divergence import Divergence, ReplayReport, Skipped
from eventflow.testing.golden import GoldenMismatch, assert_golden
from eventflow.testing.harness import ManualRuntime, runtime
from eventflow.testing.history import History
from eventflow.testing.loading import load, load_all
from eventflow.testing.replaying import replay
from eventflow.testing.specification import Given, When, given, like
from eventflow.testing.stage_history import Attempt, StageHistory
from eventflow.testing.stages import StageOutcome, run_check, run_stage

__all__ = [
    "MISSING",
    "Attempt",
    "CheckReport",
    "Difference",
    "Divergence",
    "Given",
    "GoldenMismatch",
    "History",
    "ManualClock",
    "ManualRuntime",
    "Mismatch",
    "NothingLeft",
    "Part",
    "ReplayReport",
    "Skipped",
    "StageHistory",
    "StageOutcome",
    "When",
    "assert_golden",
    "check",
    "differences",
    "given",
    "like",
    "load",
    "load_all",
    "replay",
    "run_check",
    "run_stage",
    "runtime",
]
