"""The smallest store of rows: writes changes as they come, and moves due times like `renew`."""

from datetime import datetime

import attrs
from attrs import define, field

from eventflow.core.projection import Changes, JobRow, Projection, RunRow, StageRow


@define
class Rows:
    """The rows of one run.

    Attributes:
        run: The row of the run; None before the first write.
        stages: The rows of its stages, by id.
        jobs: The rows of its jobs as they were written, by stage id.
        renewed: The due time and the lease that a renewal gave to a claim, by stage id and token.
    """

    run: RunRow | None = None
    stages: dict[str, StageRow] = field(factory=dict)
    jobs: dict[str, JobRow] = field(factory=dict)
    renewed: dict[tuple[str, int], tuple[datetime, bool]] = field(factory=dict)

    def write(self, changes: Changes) -> None:
        """Write changed rows, and drop those that go away; no row is both."""
        assert not {row.stage for row in changes.stages} & {*changes.dropped_stages}
        assert not {row.stage for row in changes.jobs} & {*changes.dropped_jobs}
        assert {*changes.dropped_stages} <= {*self.stages}
        assert {*changes.dropped_jobs} <= {*self.jobs}
        self.run = changes.run
        self.stages.update({row.stage: row for row in changes.stages})
        self.jobs.update({row.stage: row for row in changes.jobs})
        for stage in changes.dropped_stages:
            del self.stages[stage]
        for stage in changes.dropped_jobs:
            del self.jobs[stage]

    def renew(self, row: JobRow, due_at: datetime, *, leased: bool) -> None:
        """Move the due time of a claimed job, unless its claim was lost."""
        if row.token and self.jobs.get(row.stage) and self.jobs[row.stage].token == row.token:
            self.renewed[row.stage, row.token] = due_at, leased

    def job(self, stage: str) -> JobRow:
        """Give the row of a job as a worker would find it."""
        row = self.jobs[stage]
        due_at, leased = self.renewed.get((stage, row.token), (row.due_at, row.leased))
        return attrs.evolve(row, due_at=due_at, leased=leased)

    def first_due(self) -> JobRow:
        """Give the job whose time comes first."""
        return min(map(self.job, self.jobs), key=lambda row: row.due_at)

    def hold(self, projection: Projection) -> bool:
        """Tell whether these are the rows of a projection, all of them and no others."""
        return (
            self.run == projection.run
            and self.stages == {row.stage: row for row in projection.stages}
            and self.jobs == {row.stage: row for row in projection.jobs}
        )
