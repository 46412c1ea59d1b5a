"""Who names the application and the store: the option, the environment, the project, in order."""

from pathlib import Path

from tests.cli.conftest import Seed
from tests.cli.typed import Shell


def test_the_option_counts_before_the_environment_before_the_project(
    bare: Shell, shell: Shell, seed: Seed, url: str, folder: Path
) -> None:
    """A store named nearer to the command counts; each way to name it works."""
    project = folder / "pyproject.toml"
    project.write_text(f'[tool.eventflow]\nstore = "{url}"\napp = "shop:workflows"\n')
    assert len(bare("run", "list", "--json").data["runs"]) == 3
    wrong = {"EVENTFLOW_STORE_URL": "sqlite:///other.db"}
    assert "EVENTFLOW_STORE_URL" in bare("run", "list", **wrong).err
    assert len(bare("run", "list", "--json", "--store", url, **wrong).data["runs"]) == 3
    assert len(bare("--store", url, "--json", "run", "list", **wrong).data["runs"]) == 3


def test_the_project_is_found_from_a_folder_below(
    shell: Shell, seed: Seed, url: str, folder: Path
) -> None:
    """From a folder within the project its settings count, and its modules are found."""
    (folder / "pyproject.toml").write_text(
        f'[tool.eventflow]\nstore = "{url}"\napp = "shop:words"\n'
    )
    below = folder / "docs" / "more"
    below.mkdir(parents=True)
    answer = Shell(below)("run", "create", "words", "-i", '"a b"', "--yes")
    assert answer.code == 0, answer.err


def test_a_runtime_brings_its_own_store(bare: Shell, seed: Seed, url: str, folder: Path) -> None:
    """An application that is a Runtime names the store, unless it is named on the way."""
    (folder / "whole.py").write_text(
        "import eventflow as ef, shop\n"
        f"runtime = ef.Runtime({url!r}, shop.workflows)\n"
        "def made(): print('noise'); return runtime\n"
    )
    for name in ("runtime", "made"):
        answer = bare("run", "list", "--json", "--app", f"whole:{name}")
        assert len(answer.data["runs"]) == 3
    elsewhere = bare("run", "list", "--app", "whole:runtime", "--store", "sqlite:///other.db")
    assert "other.db" in elsewhere.err
