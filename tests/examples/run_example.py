"""Runs an example as its readers do: as a script, in an empty folder, with nothing but Python."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(
    name: str, *arguments: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run an example to its end, and capture what it prints.

    It finds none of the keys that whoever runs the tests may have in the environment.
    """
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
