"""What calls of models came to, as a table with a sum."""

from rich.text import Text

from eventflow.cli.costs import By, Costs
from eventflow.cli.draw.console import cell, console, table
from eventflow.cli.wording import count, paid
from eventflow.core.ai import AISummary

_ROOM_FOR_TOKENS = 70
_ROOM_FOR_FAILED = 100


def draw_costs(costs: Costs, by: By) -> None:
    """Draw a line for each group, and one for all."""
    screen = console()
    numbers = ["calls"]
    numbers += ["failed"] if screen.width >= _ROOM_FOR_FAILED else []
    numbers += ["input", "output"] if screen.width >= _ROOM_FOR_TOKENS else []
    numbers += ["spent", "counts"]
    drawn = table(by.value, *numbers, right=tuple(numbers))
    for name, summary in costs.groups.items():
        cells = _cells(summary)
        drawn.add_row(cell(name), *(cells[number] for number in numbers))
    cells = _cells(costs.total)
    drawn.add_row(Text("all", "bold"), *(Text(cells[number], "bold") for number in numbers))
    screen.print(drawn)
    if unpriced := costs.total.spent.unpriced:
        screen.print(Text(f"{count(unpriced, 'call')} of unknown price left out", "yellow"))


def _cells(summary: AISummary) -> dict[str, str]:
    spent = summary.spent
    return {
        "calls": f"{spent.calls:,}",
        "failed": f"{spent.failed:,}",
        "input": f"{spent.tokens.input:,}",
        "output": f"{spent.tokens.output:,}",
        "spent": paid(spent),
        "counts": paid(summary.effective),
    }
