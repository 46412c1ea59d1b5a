"""The wheel is the product: what it holds is checked, and it is used outside the repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path, PurePosixPath

import pytest

from tests.architecture.sources import ROOT

ENTRY_POINTS = {
    "console_scripts": {"eventflow": "eventflow.cli.main:main"},
    "pytest11": {"eventflow_pytest": "eventflow_pytest"},
    "eventflow.stores": {
        "memory": "eventflow.store.memory:connect",
        "sqlite": "eventflow_sqlite:connect",
        "postgresql": "eventflow_postgres:connect",
        "postgres": "eventflow_postgres:connect",
    },
}
IMPORT_AND_TELL = """
import importlib, sys
for package in sys.argv[1:]:
    print(importlib.import_module(package).__file__)
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command that must succeed and return what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def source_packages() -> dict[str, Path]:
    """Return the folder of each top-level package that the wheel must hold."""
    stores = {path.parent.name: path.parent for path in ROOT.glob("stores/*/__init__.py")}
    own = {name: ROOT / name for name in ("eventflow", "eventflow_pytest")}
    return {**own, **stores}


def expected_files() -> set[str]:
    """List the files that the source packages put into the wheel."""
    return {
        str(PurePosixPath(name) / path.relative_to(folder).as_posix())
        for name, folder in source_packages().items()
        for path in folder.rglob("*")
        if path.suffix in {".py", ".sql"} or path.name == "py.typed"
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources, so that no earlier build can leak into it."""
    work = tmp_path_factory.mktemp("wheel")
    for name in ("eventflow", "eventflow_pytest", "stores"):
        if (ROOT / name).exists():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, work / "source" / name, ignore=ignored)
    for path in ROOT.glob("*"):
        if path.is_file():
            shutil.copy(path, work / "source")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", work)
    run(*build, cwd=work / "source")
    (built,) = work.glob("*.whl")
    return built


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    """The wheel holds each source, marker and SQL file of the packages, and no other file."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected_files()
    assert "eventflow/py.typed" in names


def test_the_wheel_declares_the_stores_and_the_command(wheel: Path) -> None:
    """The wheel carries its licence, an entry point for each URL scheme, and the command."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = {
            name.partition(".dist-info/")[2]: archive.read(name).decode()
            for name in archive.namelist()
            if ".dist-info/" in name
        }
    assert "licenses/LICENSE" in metadata
    declared = ConfigParser()
    declared.read_string(metadata["entry_points.txt"])
    assert {group: dict(declared[group]) for group in declared.sections()} == ENTRY_POINTS


def test_the_installed_wheel_is_importable_away_from_the_repository(
    wheel: Path, tmp_path: Path
) -> None:
    """Each package of the installed wheel is imported from where it was installed."""
    installed = tmp_path / "installed"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--target", installed, wheel, cwd=tmp_path)
    packages = sorted(source_packages())
    command = (sys.executable, "-P", "-c", IMPORT_AND_TELL, *packages)
    files = run(*command, cwd=tmp_path, PYTHONPATH=str(installed)).split()
    assert files == [str(installed / package / "__init__.py") for package in packages]
