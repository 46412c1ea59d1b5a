"""`eventflow run artifacts`: what the stages of a run have saved, as a list or as it is."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from eventflow.cli import completing
from eventflow.cli.arguments import Flag, RunName
from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.finding import find_run
from eventflow.cli.output import clean, print_json, say, write_data
from eventflow.cli.session import SessionArgument
from eventflow.cli.suggesting import did_you_mean
from eventflow.cli.wording import size
from eventflow.core.artifacts import Artifact
from eventflow.engine.output import takes_bytes
from eventflow.runtime.run import Run

STDOUT = "-"


async def artifacts(
    run: RunName,
    name: str | None = None,
    /,
    *,
    stage: Annotated[str | None, Parameter(completer=completing.stages)] = None,
    output: Annotated[str | None, Parameter(alias="-o", allow_leading_hyphen=True)] = None,
    force: Flag = False,
    session: SessionArgument,
) -> None:
    """List what the stages of a run have saved, or fetch one.

    What was replaced, deleted, or cut by a rewind is left out.

    Args:
        name: The artifact to fetch; all are listed if not given.
        stage: Only artifacts of this stage.
        output: The file to write it to; stdout if not given, or as -.
        force: Replace a file that is there.
    """
    if output is not None and name is None:
        raise CommandError("--output says where to put one artifact; name it behind the run")
    async with session.looking() as place:
        handle = place.runtime.run((await find_run(place.store, run)).run.run_id)
        saved = [each for each in await handle.artifacts() if stage in {None, each.stage}]
        if name is not None:
            found = _named(saved, name)
            _put(found, await _content(handle, found), output, force=force, json=session.json)
        elif session.json:
            print_json({"run_id": handle.id, "artifacts": saved})
        elif not saved:
            say(f"Run {handle.id} has no artifacts{f' of stage {clean(stage)}' if stage else ''}.")
        else:
            from eventflow.cli.draw.artifacts import draw_artifacts  # noqa: PLC0415 - it loads rich

            draw_artifacts(saved)


def _named(saved: Sequence[Artifact], name: str) -> Artifact:
    found = [each for each in saved if each.name == name]
    if len(found) > 1:
        stages = ", ".join(each.stage for each in found)
        raise CommandError(f'Several stages have saved "{clean(name)}": {stages}; add --stage')
    if not found:
        names = sorted({each.name for each in saved})
        raise CommandError(
            f'There is no artifact "{clean(name)}"; there are: {", ".join(names) or "none"}'
            f"{did_you_mean(name, names)}",
            Exit.NOT_FOUND,
        )
    return found[0]


async def _content(run: Run, artifact: Artifact) -> bytes:
    """Give the bytes of an artifact; data is JSON."""
    content = await run.load(artifact)
    return content if isinstance(content, bytes) else msgspec.json.encode(content)


def _put(
    artifact: Artifact, content: bytes, output: str | None, *, force: bool, json: bool
) -> None:
    """Write an artifact where it was asked for, and nothing to a terminal that it would obey."""
    if output not in {None, STDOUT}:
        _write(Path(str(output)), content, force=force)
        if not json:
            say(f"Wrote {size(len(content))} to {output}.")
    elif json:
        raise CommandError("--json lists artifacts, and says what was written with --output FILE")
    elif sys.stdout.isatty():
        _show(artifact, content)
        return
    else:
        write_data(content)
    if json:
        print_json({"artifact": artifact, "file": output})


def _show(artifact: Artifact, content: bytes) -> None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise CommandError(
            f'"{clean(artifact.name)}" is no text, and stdout is a terminal; add: -o FILE'
        ) from None
    print(clean(text.rstrip("\n")))


def _write(given: Path, content: bytes, *, force: bool) -> None:
    """Let a file appear once it is whole; a device or a named pipe is written to as it is."""
    if takes_bytes(given):
        given.write_bytes(content)
        return
    if given.exists() and not force:
        raise CommandError(f"{given} is there already; add --force to replace it", Exit.REFUSED)
    file = given.resolve()
    whole = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        whole.write_bytes(content)
        whole.replace(file)
    except OSError as error:
        raise CommandError(f"{given}: {error.strerror or error}", Exit.FAILED) from None
    finally:
        whole.unlink(missing_ok=True)
