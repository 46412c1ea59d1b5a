"""A place in the log for code outside of stages: a run, or a stage of it."""

from attrs import field

from eventflow.core import events as e
from eventflow.core.frozen import frozen
from eventflow.core.state import RunState
from eventflow.definition.schema import dump_json
from eventflow.errors import InvalidInput
from eventflow.runtime.ai_records import CallLog


@frozen
class LogContext:
    """Where code that is not a stage records what it does.

    Attributes:
        run_id: The run.
        stage_id: The stage, if it is for one.
    """

    run_id: str
    stage_id: str | None
    _calls: CallLog = field(repr=False, eq=False)

    async def log(self, message: str, level: str = "info", **fields: object) -> None:
        """Write a line into the history of the run, in the name of the stage.

        Raises:
            InvalidInput: The context names no stage.
            RunNotFound: The store has no such run.
        """
        stage_id = self.stage_id
        if stage_id is None:
            raise InvalidInput(
                "Lines are written in the name of a stage; name one in "
                "create_log_context(run_id, stage_id), or annotate the run"
            )
        plain = {name: dump_json(value, InvalidInput) for name, value in fields.items()}

        def place(state: RunState) -> e.Note:
            stage = state.stages.get(stage_id)
            generation = state.generation if stage is None else stage.generation
            attempt = 0 if stage is None else stage.attempt
            return e.StageLogged(stage_id, generation, attempt, level, message, plain)

        await self._calls.append(self.run_id, place)
