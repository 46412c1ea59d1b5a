"""Where a replayed run went another way than the recorded one: as data, and for people to read."""

from attrs import field, frozen

from eventflow.core.values import JSON
from eventflow.testing.differences import Difference


@frozen
class Divergence:
    """One field in which the code of today gives something else than what was recorded.

    Attributes:
        stage: The stage; None for the run as a whole.
        path: The field, such as `outcome`, `output.total`, `error.message` or `steps.fetch`.
        old: What was recorded; `MISSING` if nothing was.
        new: What came now; `MISSING` if nothing did.
        attempt: The attempt; 0 for the run as a whole.
        version: The event that was recorded; 0 if there is none.
        traceback: Of the error that came now, if one did.
    """

    stage: str | None
    path: str
    old: JSON
    new: JSON
    attempt: int = 0
    version: int = 0
    traceback: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Say it in one line."""
        where = "the run" if self.stage is None else f'stage "{self.stage}"'
        if self.attempt > 1:
            where += f", attempt {self.attempt}"
        place = f" (version {self.version})" if self.version else ""
        return f"{where}, {Difference(self.path, self.old, self.new)}{place}"


@frozen
class Skipped:
    """A recorded claim, or a stage, that was not executed.

    Attributes:
        stage: The stage.
        reason: Why not.
        version: The claim; 0 if there is none.
    """

    stage: str
    reason: str
    version: int = 0

    def __str__(self) -> str:
        """Say it in one line."""
        place = f" (version {self.version})" if self.version else ""
        return f'stage "{self.stage}": {self.reason}{place}'


@frozen
class ReplayReport:
    """What came of replaying a run with the code of today.

    Attributes:
        run_id: The run.
        workflow_id: The workflow of today.
        divergences: Every field that came out otherwise, in the order of the stages.
        executed: How many recorded attempts and checks were executed.
        skipped: What was not executed, and why.
        outputs: The outputs that the stages have now, by id, as plain data.
    """

    run_id: str
    workflow_id: str
    divergences: tuple[Divergence, ...]
    executed: int
    skipped: tuple[Skipped, ...] = field(repr=False)
    outputs: dict[str, JSON] = field(repr=False)

    @property
    def same(self) -> bool:
        """Whether everything that was executed came out as it was recorded."""
        return not self.divergences

    @property
    def first(self) -> Divergence | None:
        """The first divergence; None if there is none."""
        return self.divergences[0] if self.divergences else None

    def __str__(self) -> str:
        """Say what diverged, one field a line, and where the first new error came from."""
        what = f'run {self.run_id} with workflow "{self.workflow_id}"'
        if self.same:
            return f"replayed {what}: {self.executed} executions, as recorded"
        lines = [f"replayed {what}: not as recorded", *(f"  {each}" for each in self.divergences)]
        errors = [each.traceback for each in self.divergences if each.traceback]
        return "\n".join([*lines, *(["", errors[0]] if errors else [])])

    def assert_same(self) -> None:
        """Fail the test unless everything came out as it was recorded.

        Raises:
            AssertionError: With every divergence; the first one comes first.
        """
        __tracebackhide__ = True
        if not self.same:
            raise AssertionError(str(self))
