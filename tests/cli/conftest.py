"""A folder with an application, and a store with the runs that most commands are tried on."""

import asyncio
import shutil
from pathlib import Path

import pytest
from attrs import frozen

import eventflow as ef
from tests.cli.app import workflows
from tests.cli.typed import Shell

APPLICATION = Path(__file__).with_name("app.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the module `shop`, which holds workflows."""
    shutil.copy(APPLICATION, tmp_path / "shop.py")
    return tmp_path


@pytest.fixture
def url(folder: Path) -> str:
    """The URL of a store that does not exist yet."""
    return f"sqlite:///{folder}/log.db?synchronous=NORMAL"


@pytest.fixture
def shell(folder: Path, url: str) -> Shell:
    """A shell in which the store and the application are named by the environment."""
    return Shell(folder, {"EVENTFLOW_STORE_URL": url, "EVENTFLOW_APP": "shop:workflows"})


@pytest.fixture
def bare(folder: Path) -> Shell:
    """A shell in which nothing is named."""
    return Shell(folder)


@frozen
class Seed:
    """The runs of the store that was filled, by what became of them."""

    completed: str
    failed: str
    waiting: str


@frozen
class Filled:
    """A store that was filled once, to be copied."""

    file: Path
    seed: Seed


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Fill a store: a run that was retried and rerun, one that failed, one that waits."""
    file = tmp_path_factory.mktemp("filled") / "log.db"
    return Filled(file, asyncio.run(fill(f"sqlite:///{file}?synchronous=NORMAL")))


@pytest.fixture
def seed(filled: Filled, folder: Path) -> Seed:
    """Give the test a store of its own with those runs."""
    shutil.copy(filled.file, folder / "log.db")
    return filled.seed


async def fill(url: str) -> Seed:
    """Make the runs."""
    async with ef.Runtime(url, workflows, job_poll_interval=0.02) as runtime:
        await runtime.start()
        completed = await runtime.create_run(
            "words", "a flaky text", metadata={"customer": "ada"}, actor="ada"
        )
        assert await completed.result(30) == 3
        await completed.rerun_from("count", reason="count again", actor="ada")
        assert await completed.result(30) == 3
        failed = await runtime.create_run("words", "a broken text")
        with pytest.raises(ef.RunFailed):
            await failed.result(30)
    async with ef.Runtime(url, workflows) as runtime:
        waiting = await runtime.create_run("words", "to be or not")
    return Seed(completed.id, failed.id, waiting.id)
