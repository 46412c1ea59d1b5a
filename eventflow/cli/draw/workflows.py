"""Workflows: a list of them, or one with its stages in the order of their execution."""

from collections.abc import Iterable

from rich.text import Text
from rich.tree import Tree

from eventflow.cli.draw.console import cell, console, plain, table
from eventflow.cli.wording import pairs
from eventflow.core.retry import Retry
from eventflow.definition.workflow import AnyStage
from eventflow.runtime.catalog import AnyWorkflow

_ROOM_FOR_NAMES = 60
_ROOM_FOR_FINGERPRINTS = 100


def draw_workflows(workflows: Iterable[AnyWorkflow]) -> None:
    """Draw a line for each workflow."""
    screen = console()
    names = ["workflow", *(["name"] if screen.width >= _ROOM_FOR_NAMES else []), "stages"]
    names += ["fingerprint"] if screen.width >= _ROOM_FOR_FINGERPRINTS else []
    drawn = table(*names)
    for each in workflows:
        cells = {
            "workflow": cell(each.id, "bold"),
            "name": cell(each.name),
            "stages": cell(" > ".join(_group(group) for group in each.groups)),
            "fingerprint": Text(each.plan.fingerprint, "dim"),
        }
        drawn.add_row(*(cells[name] for name in names))
    screen.print(drawn)


def _group(group: tuple[AnyStage, ...]) -> str:
    ids = [stage.id for stage in group]
    return ids[0] if len(ids) == 1 else f"({' | '.join(ids)})"


def draw_workflow(workflow: AnyWorkflow) -> None:
    """Draw one workflow as a tree of groups and stages."""
    screen = console()
    screen.print(Text.assemble(cell(workflow.id, "bold"), "  ", cell(workflow.name)))
    if workflow.description:
        screen.print(plain(workflow.description, "dim"))
    screen.print(Text.assemble(("input   ", "dim"), cell(workflow.input_schema.name)))
    if workflow.output_schema is not None:
        screen.print(Text.assemble(("output  ", "dim"), cell(workflow.output_schema.name)))
    tree = Tree(Text(f"plan {workflow.plan.fingerprint}", "dim"), guide_style="dim")
    for number, group in enumerate(workflow.groups, start=1):
        parallel = ", in parallel" if len(group) > 1 else ""
        branch = tree.add(Text(f"group {number}{parallel}", "dim"))
        for stage in group:
            _add(branch, stage, workflow.default_config().get(stage.id))
    screen.print(tree)


def _add(branch: Tree, stage: AnyStage, config: dict[str, object] | None) -> None:
    line = Text.assemble(cell(stage.id, "bold"), "  ", cell(stage.input_schema.name))
    line.append(" → ")
    line.append_text(cell(stage.output_schema.name))
    added = branch.add(line)
    if stage.description:
        added.add(cell(stage.description, "dim"))
    for said in _policies(stage):
        added.add(cell(said))
    if config:
        added.add(cell(f"config {pairs(config)}"))


def _policies(stage: AnyStage) -> list[str]:
    said = []
    if stage.dependencies:
        said.append(f"needs {', '.join(stage.dependencies)}")
    if stage.retry != Retry():
        attempts = stage.retry.max_attempts
        said.append(f"{attempts} attempts, the second after {stage.retry.initial:g} s")
    if stage.timeout is not None:
        said.append(f"{stage.timeout:g} s an attempt at most")
    if stage.check_function is not None:
        said.append("may suspend; has a check")
    if stage.signal is not None:
        said.append(f'may suspend; waits for the signal "{stage.signal}"')
    return said
