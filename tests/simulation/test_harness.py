"""Crash tests leave nothing behind: their processes end with them, also those that are stopped."""

import os
import signal
from pathlib import Path

import pytest

from tests.simulation.acknowledgements import acknowledged
from tests.simulation.harness import Child, driver


def exists(child: Child) -> bool:
    """Tell whether there is such a process."""
    try:
        os.kill(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_no_process_outlives_a_test_that_fails(tmp_path: Path) -> None:
    """Neither one that works, nor one that is stopped, nor one that has ended by itself."""
    children: list[Child] = []

    async def fail() -> None:
        async with driver(f"sqlite:///{tmp_path}/log.db", tmp_path) as crash:
            children.extend(crash.start("worker") for _ in range(2))
            children.append(crash.start("creator", runs=1))
            children[0].send(signal.SIGSTOP)
            assert all(exists(child) for child in children)
            raise LookupError("the test fails")

    with pytest.raises(LookupError):
        await fail()
    assert not any(exists(child) for child in children)


def test_a_torn_line_acknowledges_nothing(tmp_path: Path) -> None:
    """Whoever was to be told was killed first."""
    (tmp_path / "worker-1.acks").write_text("run 3 op-1\nrun 4 o")
    assert [(each.version, each.op_id) for each in acknowledged(tmp_path)] == [(3, "op-1")]
