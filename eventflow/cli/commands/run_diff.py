"""`eventflow run diff`: where two versions of a run differ, or two runs."""

from typing import Annotated, TypeAlias

from cyclopts import Parameter

from eventflow.cli import completing
from eventflow.cli.arguments import Flag
from eventflow.cli.differing import compared, side
from eventflow.cli.exits import Exit
from eventflow.cli.output import print_json
from eventflow.cli.session import SessionArgument
from eventflow.testing.differences import MISSING, Difference, differences

Side: TypeAlias = Annotated[
    str, Parameter(help="A run, or a run as of a version: RUN@VERSION.", completer=completing.runs)
]
OtherSide: TypeAlias = Annotated[
    str | None,
    Parameter(
        help="The same; the first run as it is now, if not given.", completer=completing.runs
    ),
]


async def diff(
    before: Side,
    after: OtherSide = None,
    /,
    *,
    exit_code: Flag = False,
    session: SessionArgument,
) -> int:
    """Tell where two versions of a run differ, or two runs.

    Of one run, two versions of its state are compared; of two runs, what does not differ between
    any two: no ids, no times, no workers.

    Args:
        exit_code: End with code 9 if they differ.
    """
    async with session.looking() as place:
        old = await side(place, before)
        new = await side(place, after if after is not None else old.run_id)
    same = old.run_id == new.run_id
    found = list(
        differences(compared(old.state, with_times=same), compared(new.state, with_times=same))
    )
    if session.json:
        print_json(
            {
                "before": {"run_id": old.run_id, "version": old.version},
                "after": {"run_id": new.run_id, "version": new.version},
                "differences": [_as_json(each) for each in found],
            }
        )
    else:
        from eventflow.cli.draw.differences import draw_differences  # noqa: PLC0415 - loads rich

        draw_differences(old, new, found)
    return Exit.DIFFERENT if found and exit_code else Exit.OK


def _as_json(difference: Difference) -> dict[str, object]:
    """Leave out the side that has nothing."""
    sides = {"before": difference.old, "after": difference.new}
    return {"path": difference.path} | {
        name: value for name, value in sides.items() if value is not MISSING
    }
