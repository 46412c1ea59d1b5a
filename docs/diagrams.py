"""Draws the state machines of the documentation from the tables that folding obeys.

Run it to write the drawings into the page, or with `--check` to fail when the page is not current.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from eventflow.core.events import EVENT_TYPES
from eventflow.core.laws import ALIVE, RUN_STEPS, STAGE_STEPS
from eventflow.core.values import Status

PAGE = Path(__file__).parent / "explanation" / "state-machines.md"
NAMES: dict[type[object], str] = {kind: name for name, kind in EVENT_TYPES.items()}
BY_THE_STAGES = "by_the_stages"

Arrow = tuple[str, str, str]
"""From where, to where, and by what."""


def main(arguments: list[str]) -> int:
    """Write the page, or only compare it; 1 if it is not current."""
    text = PAGE.read_text(encoding="utf-8")
    drawn = draw_into(text)
    if "--check" in arguments:
        if drawn != text:
            print(f"{PAGE.name} is not current: run `make docs`", file=sys.stderr)
        return int(drawn != text)
    PAGE.write_text(drawn, encoding="utf-8")
    return 0


def draw_into(text: str) -> str:
    """Replace what is between the markers of a page."""
    drawings = {
        "stage diagram": diagram(stage_arrows()),
        "stage table": stage_table(),
        "run diagram": diagram(run_arrows(), choice=BY_THE_STAGES),
        "run table": run_table(),
    }
    for name, drawing in drawings.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        pattern = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
        found = len(pattern.findall(text))
        if found != 1:
            raise ValueError(f'{PAGE.name} has {found} places for the "{name}", not one')
        text = pattern.sub(drawing, text)
    return text


def stage_arrows() -> Iterator[Arrow]:
    """Draw the life of a stage."""
    yield "[*]", Status.PENDING, "stage.scheduled"
    for (status, event, kind), target in STAGE_STEPS.items():
        yield status, target, NAMES[event] + (f" ({kind})" if kind else "")
    for status in in_order(ALIVE):
        yield status, Status.CANCELLED, "run.cancelled"


def run_arrows() -> Iterator[Arrow]:
    """Draw the life of a run; where the stages decide on the target, through a choice."""
    yield "[*]", Status.PENDING, "run.created"
    for event, step in RUN_STEPS.items():
        for status in in_order(step.sources):
            yield status, step.target or BY_THE_STAGES, NAMES[event]
    yield BY_THE_STAGES, Status.PENDING, "nothing claimed yet"
    yield BY_THE_STAGES, Status.RUNNING, "claimed before"
    yield Status.RUNNING, Status.SUSPENDED, "all that is alive is suspended"
    yield Status.SUSPENDED, Status.RUNNING, "not all that is alive is suspended"


def diagram(arrows: Iterable[Arrow], choice: str | None = None) -> str:
    """Write arrows as a Mermaid diagram, with one arrow for all that leads the same way."""
    labels: dict[tuple[str, str], list[str]] = {}
    for source, target, label in arrows:
        labels.setdefault((source, target), []).append(label)
    lines = ["```mermaid", "stateDiagram-v2"]
    if choice is not None:
        lines.append(f"    state {choice} <<choice>>")
    for (source, target), words in labels.items():
        lines.append(f"    {source} --> {target} : {', '.join(words)}")
    return "\n".join([*lines, "```", ""])


def stage_table() -> str:
    """Write the table of stages as it is."""
    rows = (
        (status, f"`{NAMES[event]}`", kind or "", target)
        for (status, event, kind), target in STAGE_STEPS.items()
    )
    return table(("a stage that is", "meets", "of a job to", "and is then"), rows)


def run_table() -> str:
    """Write the table of runs as it is."""
    rows = (
        (", ".join(in_order(step.sources)), f"`{NAMES[event]}`", step.target or "by its stages")
        for event, step in RUN_STEPS.items()
    )
    return table(("a run that is", "meets", "and is then"), rows)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def in_order(statuses: frozenset[Status]) -> list[Status]:
    """List statuses in the order in which they are defined."""
    return [status for status in Status if status in statuses]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
