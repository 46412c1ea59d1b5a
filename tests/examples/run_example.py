"""Runs an example as its readers do: as a script, in an empty folder, with nothing but Python."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an example to its end, and capture what it prints."""
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
