"""A store that somebody else wrote passes the conformance suite, far away from this repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

PACKAGE = Path(__file__).parent / "eventflow_jsonl"


def run(*command: str | Path, cwd: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command, and give what it printed."""
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=cwd, env=environment, check=False, capture_output=True, text=True, timeout=110
    )


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the package out of the repository, and install it there, without any network."""
    folder = tmp_path_factory.mktemp("elsewhere")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    source = shutil.copytree(PACKAGE, folder / "source", ignore=ignored)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    target = ("--no-build-isolation", "--target", folder / "site")
    installed = run(*pip, *target, source, cwd=folder)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    shutil.rmtree(source / "eventflow_jsonl")
    (folder / "eventflow").mkdir()
    (folder / "eventflow" / "eventflow").symlink_to(ROOT / "eventflow")
    return folder


def conformance(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of the package, which see eventflow and nothing else of this repository."""
    path = os.pathsep.join(str(folder / name) for name in ("site", "eventflow"))
    pytest_ = (sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    return run(*pytest_, "tests", *options, cwd=folder / "source", path=path)


def test_a_store_of_somebody_else_passes_the_suite(elsewhere: Path) -> None:
    """Installed from its own package, found by its entry point, proven by the public suite."""
    done = conformance(elsewhere)
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 250


@pytest.mark.parametrize(
    ("sound", "broken", "test"),
    [
        ("len(events) != place else", "len(events) < place else", "exact_version"),
        ("job.token == renewal.token", "True", "taken_over"),
    ],
)
def test_the_suite_finds_what_is_wrong_with_it(
    elsewhere: Path, tmp_path: Path, sound: str, broken: str, test: str
) -> None:
    """A store with a mistake in it fails the test that says what it should do."""
    folder = shutil.copytree(elsewhere, tmp_path / "elsewhere", symlinks=True)
    places = [*(folder / "site" / "eventflow_jsonl").glob("*.py")]
    (place,) = [each for each in places if sound in each.read_text(encoding="utf-8")]
    place.write_text(place.read_text(encoding="utf-8").replace(sound, broken), encoding="utf-8")
    done = conformance(folder, "-x", "-k", test)
    assert done.returncode == 1, done.stdout[-2_000:]
