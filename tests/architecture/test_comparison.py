"""The page of the comparison is written from what was measured, and from nothing else."""

from pathlib import Path

from tests.architecture.sources import ROOT
from tests.benchmarks.compare.matches import matches
from tests.benchmarks.compare.page import BEGIN, END, Growth, Result, Results, targets, write_page


def results(**medians: dict[str, float]) -> Results:
    """Results in which every contender came to 1, but where something else is said."""
    found = [
        Result(
            each.id,
            each.title,
            each.unit,
            {**dict.fromkeys(each.counts, 1.0), **medians.get(each.id.replace("-", "_"), {})},
            dict.fromkeys(each.counts, (1.0, 1.0)),
        )
        for each in matches()
    ]
    growths = [Growth("an event beside 9 runs", 1.2)]
    return Results(found, growths, 0.1, {"dbos": "1"}, "3.11", 2, (0.0, 0.0), 3)


def test_a_target_is_the_ratio_of_two_medians() -> None:
    """More is better for rates, and less for latencies; each side is of the same run."""
    found = results(
        sqlite_100={"eventflow": 400.0, "DBOS": 10.0}, sqlite_rest={"eventflow": 2.0, "DBOS": 5.0}
    )
    throughput, latency, limit, *_ = targets(found)
    assert (throughput.ratio, throughput.met) == (40.0, True)
    assert (latency.ratio, latency.met) == (2.5, False)
    assert limit.ratio == 1.0


def test_what_grows_and_what_an_import_takes_have_upper_bounds() -> None:
    """A cost that grows by more than a tenth is missed; a quick import is reached."""
    *_, growth, imported = targets(results())
    assert (growth.ratio, growth.aim, growth.met) == (1.2, "at most 1.1", False)
    assert (imported.ratio, imported.aim, imported.met) == (100.0, "at most 150", True)


def test_only_the_figures_of_the_page_are_written_anew(tmp_path: Path) -> None:
    """What people wrote around them stays."""
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nThe end.\n", encoding="utf-8")
    write_page(page, results())
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Title\n")
    assert text.endswith(f"{END}\n\nThe end.\n")
    assert "old" not in text
    assert "| stages or jobs worked off by one worker, PostgreSQL | 1.0 stages/s |" in text


def test_the_page_has_figures() -> None:
    """The page in the repository was written by a measurement."""
    page = (ROOT / "docs/explanation/compared-with-peers.md").read_text(encoding="utf-8")
    assert "| ratio | aim | measured | |" in page.partition(BEGIN)[2].partition(END)[0]
