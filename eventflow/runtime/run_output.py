"""Checks what a run comes to before the event that ends it; it lets no misfit pass for a result."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from attrs import evolve as changed

from eventflow.core import commands as c
from eventflow.core import events as e
from eventflow.core.decide import draft
from eventflow.core.draft import Draft
from eventflow.core.references import Reference, references_in
from eventflow.core.state import RunState
from eventflow.core.values import JSON, ErrorInfo
from eventflow.definition.workflow import Workflow
from eventflow.errors import BlobAltered, BlobNotFound, InvalidOutput
from eventflow.runtime.backoff import ReadFirst
from eventflow.runtime.execution import error_info
from eventflow.runtime.values import Values, placed


class CheckedOutput:
    """Decides on one result; a run whose output does not fit the workflow's schema fails instead.

    Large outputs, also those of other stages, are read before that can be decided.
    """

    def __init__(self, values: Values, workflow: Workflow[Any, Any]) -> None:
        self._values = values
        self._schema = workflow.output_schema
        self._contents: dict[str, JSON] = {}
        self._unreadable: ErrorInfo | None = None

    def draft(self, state: RunState, result: c.StageResult) -> Draft:
        """Decide.

        Raises:
            ReadFirst: The output of the run is kept outside of the events.
        """
        work = draft(state, result)
        if isinstance(result, c.CompleteStage) and work.events:
            last = work.events[-1]
            if isinstance(last, e.RunCompleted) and (problem := self._misfit(last.output)):
                return draft(state, changed(result, rejection=problem))
        return work

    def _misfit(self, output: JSON) -> ErrorInfo | None:
        if self._schema is None:
            return None
        missing = [each for each in references_in(output) if each.key not in self._contents]
        if missing and self._unreadable is None:
            raise ReadFirst(partial(self._read, missing))
        if missing:
            return self._unreadable
        try:
            self._schema.parse(placed(output, self._contents), InvalidOutput)
        except InvalidOutput as error:
            return error_info(error)
        return None

    async def _read(self, missing: Sequence[Reference]) -> None:
        try:
            self._contents |= await self._values.read(missing)
        except (BlobNotFound, BlobAltered) as error:
            self._unreadable = error_info(error)
