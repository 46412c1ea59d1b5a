"""The page about the state machines shows the tables as they are."""

from pathlib import Path

import pytest

from docs import diagrams


def test_the_page_is_current() -> None:
    """What is drawn on the page is what the tables say now; else run `make docs`."""
    assert diagrams.main(["--check"]) == 0


def test_a_page_that_is_not_current_is_found_and_drawn_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check fails on a page that lacks an arrow, and says how to draw it again."""
    current = diagrams.PAGE.read_text(encoding="utf-8")
    arrow = "    pending --> running : job.claimed (execute)\n"
    assert current.count(arrow) == 1
    page = tmp_path / "page.md"
    page.write_text(current.replace(arrow, ""), encoding="utf-8")
    monkeypatch.setattr(diagrams, "PAGE", page)
    assert diagrams.main(["--check"]) == 1
    assert capsys.readouterr().err == "page.md is not current: run `make docs`\n"
    assert diagrams.main([]) == 0
    assert page.read_text(encoding="utf-8") == current


def test_a_page_without_a_place_is_refused() -> None:
    """Each drawing has exactly one place between its markers."""
    with pytest.raises(ValueError, match='0 places for the "stage diagram"'):
        diagrams.draw_into("# Nothing\n")
