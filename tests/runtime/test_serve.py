"""Serving: signals end a worker gracefully, and a second one at once, in a real process."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

PROGRAM = """
import asyncio, sys
import structlog
import eventflow as ef

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

@ef.stage
async def work(ctx: ef.StageContext[float]) -> str:
    print("began", flush=True)
    try:
        await asyncio.sleep(ctx.input)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        raise
    return "done"

async def main(seconds, grace):
    workflow = ef.define_workflow("w", input=float).pipe(work).pipe(ef.stage(id="next")(follow))
    async with ef.Runtime("memory://", [workflow.build()]) as runtime:
        run = await runtime.create_run("w", seconds)
        await runtime.serve(grace=grace)
        print(*(envelope.type for envelope in await run.history()), flush=True)

async def follow(ctx: ef.StageContext[str]) -> str:
    print("followed", flush=True)
    return ctx.input

asyncio.run(main(float(sys.argv[1]), float(sys.argv[2])))
"""


class Served:
    """A process that serves one run."""

    def __init__(self, seconds: float, grace: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(seconds), str(grace)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout
        assert self.said.readline() == "began\n"

    def end(self) -> tuple[int, list[str]]:
        """Wait for its end; give its exit code and what it said last."""
        said, _ = self.process.communicate(timeout=30)
        return self.process.returncode, said.splitlines()


Serve = Callable[[float, float], Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Begins processes, and ends those that are left."""
    with ExitStack() as stack:

        def begun(seconds: float, grace: float) -> Served:
            served = Served(seconds, grace)
            stack.enter_context(served.process)
            stack.callback(served.process.kill)
            return served

        yield begun


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=lambda sent: sent.name)
def test_a_signal_lets_the_current_job_end(serve: Serve, sent: signal.Signals) -> None:
    """Its result is recorded, nothing new is claimed, and the process ends with 0."""
    served = serve(0.5, 30)
    served.process.send_signal(sent)
    code, (events,) = served.end()
    assert code == 0
    assert events.split()[-2:] == ["stage.completed", "stage.scheduled"]


def test_a_second_signal_stops_at_once(serve: Serve) -> None:
    """The job is cancelled and given back, long before it would have ended."""
    served = serve(60, 60)
    began = time.monotonic()
    served.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert served.process.poll() is None
    served.process.send_signal(signal.SIGINT)
    code, (cancelled, events) = served.end()
    assert (code, cancelled) == (0, "cancelled")
    assert events.split()[-1] == "lease.expired"
    assert time.monotonic() - began < 20


def test_a_job_that_does_not_end_in_time_is_given_back(serve: Serve) -> None:
    """The grace period bounds how long one signal waits."""
    served = serve(60, 0.2)
    served.process.send_signal(signal.SIGTERM)
    code, (cancelled, events) = served.end()
    assert (code, cancelled) == (0, "cancelled")
    assert events.split()[-1] == "lease.expired"
