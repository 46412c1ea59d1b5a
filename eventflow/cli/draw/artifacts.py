"""A table of artifacts."""

from collections.abc import Sequence

from rich.text import Text

from eventflow.cli.draw.console import cell, console, table
from eventflow.cli.wording import size, when
from eventflow.core.artifacts import Artifact


def draw_artifacts(saved: Sequence[Artifact]) -> None:
    """Draw one line for each artifact, in the order in which they were saved."""
    drawn = table("name", "stage", "kind", "size", "saved", right=("size",))
    for each in saved:
        drawn.add_row(
            cell(each.name),
            cell(each.stage),
            Text(each.kind.value),
            Text(size(each.size)),
            Text(when(each.saved_at)),
        )
    console().print(drawn)
