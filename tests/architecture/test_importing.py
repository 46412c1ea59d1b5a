"""Importing eventflow stays quick: what few programs use waits until it is used."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FEW_USE = (
    "eventflow.ai",
    "eventflow.definition.ai",
    "eventflow.definition.presets",
    "eventflow.engine.blob_keys",
    "eventflow.engine.checkpoints",
    "eventflow.engine.copying",
    "eventflow.engine.exporting",
    "eventflow.engine.histories",
    "eventflow.engine.importing",
    "eventflow.engine.output",
    "eventflow.engine.proofs",
    "eventflow.engine.rebuilding",
    "eventflow.engine.signing",
    "eventflow.engine.walking",
    "eventflow.runtime.ai_records",
    "eventflow.runtime.annotations",
    "eventflow.runtime.blocking",
    "eventflow.runtime.delivery",
    "eventflow.runtime.fan_out",
    "eventflow.runtime.log_context",
    "eventflow.runtime.moving",
    "eventflow.runtime.rebuilding",
    "eventflow.runtime.subscription_log",
    "eventflow.runtime.subscriptions",
    "eventflow.runtime.verification",
    "eventflow.store.merkle",
    "eventflow.testing",
)
"""Modules of eventflow that a program which executes a workflow does without."""

STORES_USE = ("csv", "email", "importlib.metadata", "zipfile")
"""What is loaded to find the store of a URL."""

NOBODY_USES = ("difflib", "gzip", "http.client", "sqlite3", "structlog", "tempfile")
"""Modules for which importing eventflow is no reason."""

LOADED = "import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"

EXECUTES = """
import asyncio, sys
import eventflow as ef

@ef.stage
async def greet(ctx: ef.StageContext[str]) -> str:
    await ctx.log("greeting")
    return f"hello {ctx.input}"

async def main():
    hello = ef.define_workflow("hello", input=str).pipe(greet).build()
    async with ef.Runtime("sqlite:///log.db", [hello]) as runtime:
        await runtime.start()
        run = await runtime.create_run("hello", "Ada")
        assert await run.result(timeout=60) == "hello Ada"
        assert (await runtime.runs()).items
        assert await run.history()
    print(*sys.modules)

asyncio.run(main())
"""

COMPILED = """
import sys
import attrs, eventflow

def compiled(value):
    code = getattr(getattr(value, "__repr__", None), "__code__", None)
    return attrs.has(value) and code is not None and "attrs generated" in code.co_filename

print(*(
    f"{name}.{value.__qualname__}"
    for name, module in sys.modules.items() if name.startswith("eventflow.")
    for value in vars(module).values() if isinstance(value, type) and value.__module__ == name
    if compiled(value)
))
"""


def printed(code: str, folder: Path) -> set[str]:
    """Let Python execute a program, and give the names in the last line that it prints."""
    done = subprocess.run(
        (sys.executable, "-c", code),
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
        cwd=folder,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_loads_nothing_that_few_programs_use(tmp_path: Path) -> None:
    """Neither modules of eventflow, nor the large ones of Python that only these need."""
    loaded = printed(LOADED.format(code="import eventflow"), tmp_path)
    assert "eventflow.runtime.runtime" in loaded
    assert loaded.isdisjoint((*FEW_USE, *STORES_USE, *NOBODY_USES))


def test_a_program_that_executes_a_workflow_never_loads_it(tmp_path: Path) -> None:
    """What importing leaves out is not loaded a moment later by whoever opens a runtime."""
    loaded = printed(EXECUTES, tmp_path)
    assert "eventflow_sqlite.store" in loaded
    assert loaded.isdisjoint(FEW_USE)


def test_what_few_programs_use_is_there() -> None:
    """Each of the names is still that of a module, so that none is kept out by mistake."""
    for name in (*FEW_USE, *STORES_USE, *NOBODY_USES):
        assert find_spec(name) is not None


def test_attrs_compiles_no_way_to_write_data(tmp_path: Path) -> None:
    """Classes of data share one `__repr__`, but for the one that stands below `core.frozen`."""
    assert printed(COMPILED, tmp_path) == {"eventflow.errors.Problem"}
