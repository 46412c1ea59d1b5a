"""The Python blocks of the pages are typed: mypy accepts each page as strictly as it can."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT

BLOCK = re.compile(r"^```python\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPTS = (">>> ", "... ")


def source_of(page: Path) -> str:
    """Join the blocks of a page; of a block with prompts, what stands behind them."""
    blocks = [match["source"] for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]
    return "\n\n".join(behind_prompts(block) if ">>> " in block else block for block in blocks)


def behind_prompts(block: str) -> str:
    """Leave out the prompts, and what was printed."""
    lines = [line[4:] for line in block.splitlines() if line.startswith(PROMPTS)]
    return "\n".join(lines) + "\n"


def test_the_blocks_of_every_page_are_typed(tmp_path: Path) -> None:
    """Whoever copies a page into a project that uses mypy strictly gets no complaint."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        if source := source_of(page):
            name = str(page.relative_to(ROOT)).lower()
            (tmp_path / re.sub(r"\W", "_", name.removesuffix(".md"))).with_suffix(".py").write_text(
                source, encoding="utf-8"
            )
    options = ("--strict", "--config-file=", f"--cache-dir={ROOT / '.mypy_cache' / 'pages'}")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *sorted(tmp_path.glob("*.py"))],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.search(r"no issues found in \d\d source files", checked.stdout)
