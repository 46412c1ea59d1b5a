"""The state of a run as of one version, with the values of each stage."""

from datetime import datetime

from rich.text import Text
from rich.tree import Tree

from eventflow.cli.draw.console import cell, console, status_text
from eventflow.cli.draw.run import ending, facts
from eventflow.cli.telling import told_error, told_suspension
from eventflow.cli.wording import pairs, value, when
from eventflow.core.stage import StageState
from eventflow.core.state import RunState

_MOST = 4_000


def draw_state(state: RunState, now: datetime) -> None:
    """Draw a state."""
    screen = console()
    screen.print(Text(f"as of version {state.version}, {when(state.recorded_at)} UTC", "bold"))
    screen.print(facts(state, now))
    for stage in state.stages.values():
        screen.print(_stage(stage))
    for signal in state.signals:
        used = f"used at version {signal.used}" if signal.used else "not used yet"
        screen.print(cell(f"signal {signal.name}: {value(signal.payload, _MOST)} ({used})"))
    for part in ending(state):
        screen.print(part)


def _stage(stage: StageState) -> Tree:
    label = Text.assemble((f"{stage.group}. ", "dim"), cell(stage.id, "bold"), " ")
    label.append_text(status_text(stage.status))
    label.append(f"  attempt {stage.attempt}, generation {stage.generation}", style="dim")
    tree = Tree(label, guide_style="dim")
    for line in _told(stage):
        tree.add(cell(line))
    return tree


def _told(stage: StageState) -> list[str]:
    lines = []
    if stage.ended and stage.error is None:
        lines.append(f"output {value(stage.output, _MOST)}")
    if stage.error is not None:
        lines.append(f"error {told_error(stage.error)}")
    if stage.claim is not None:
        lines.append(f"claimed by {stage.claim.worker}, token {stage.claim.token}")
    if stage.suspension is not None:
        lines.append(f"suspended with {value(stage.suspension.state, _MOST)}")
        lines.append(told_suspension(stage.suspension))
    if stage.due_at is not None:
        lines.append(f"{'due' if stage.claim is None else 'lease until'} {when(stage.due_at)}")
    lines += [f"step {name}: {value(output, _MOST)}" for name, output in stage.steps.items()]
    if stage.metrics:
        lines.append(f"metrics {pairs(stage.metrics)}")
    if stage.artifacts:
        lines.append(f"artifacts {pairs(stage.artifacts)}")
    return lines
