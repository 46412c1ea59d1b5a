"""Programs without an event loop, for tests that need a process of their own.

Run one as `python -m tests.runtime.blocking_programs NAME URL`.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time

import structlog

import eventflow as ef
from eventflow.runtime.blocking import BlockingRuntime


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number."""
    return ctx.input * 2


@ef.stage
async def sleep(ctx: ef.StageContext[int]) -> int:
    """Take so many seconds."""
    await asyncio.sleep(ctx.input)
    return ctx.input


DOUBLING = ef.define_workflow("doubling", input=int).pipe(double).build()
SLEEPING = ef.define_workflow("sleeping", input=int).pipe(sleep).build()


def engine_on(url: str) -> BlockingRuntime:
    """Make what each program uses; nothing is opened yet."""
    return BlockingRuntime(ef.Runtime(url, [DOUBLING, SLEEPING], job_poll_interval=0.1))


def fork(url: str) -> None:
    """Use one runtime on both sides of forks, one of them in a thread, while it works."""
    engine = engine_on(url)
    _inherited.append(engine)
    engine.start()
    first = engine.create_run("doubling", 1)
    assert first.result(timeout=30) == 2
    children = []
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            _be_a_child(engine, number)
        children.append(pid)
        assert engine.create_run("doubling", number).result(timeout=30) == number * 2
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert codes == [0, 0, 0]
    assert len(engine.runs(metadata={"child": True}).items) == 3
    assert first.verify().run_id == first.id
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        assert pool.map(_double, range(6)) == [number * 2 for number in range(6)]
    engine.close()


_inherited: list[BlockingRuntime] = []
"""What the processes of a pool, which are forked, have of their parent."""


def _double(number: int) -> int:
    return int(_inherited[0].run_and_wait("doubling", number, timeout=30))


def _be_a_child(engine: BlockingRuntime, number: int) -> None:
    code = 1
    try:
        run = engine.create_run("doubling", number, metadata={"child": True})
        assert run.result(timeout=30) == number * 2  # by the worker of the parent
        assert engine.run_and_wait("doubling", 10, timeout=30) == 20
        if number:
            engine.close()
        code = 0
    finally:
        if number == 1:
            os._exit(code)
        sys.exit(code)  # the interpreter ends as usual, whether it was closed or not


def interrupt(url: str) -> None:
    """Be interrupted while waiting; what was in hand is given back."""
    engine = engine_on(url)

    def strike() -> None:
        while not engine.runs(status="running").items:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=strike).start()
    try:
        engine.run_and_wait("sleeping", 3_600)
    except KeyboardInterrupt:
        print("interrupted")
    run = engine.run(engine.runs().items[0].run_id)
    while [each.type for each in run.history()][-1] != "lease.expired":
        time.sleep(0.01)
    print("given back")


def leave(url: str) -> None:
    """End without closing anything, while a worker has a job in hand."""
    engine = engine_on(url)
    engine.start()
    run = engine.create_run("sleeping", 3_600)
    while run.state().status is not ef.Status.RUNNING:
        time.sleep(0.01)
    print(run.id)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    {"fork": fork, "interrupt": interrupt, "leave": leave}[sys.argv[1]](sys.argv[2])
