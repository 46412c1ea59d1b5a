"""The plots of the comparison, as SVG for the page and as PNG for elsewhere."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

from tests.benchmarks.compare.matches import EVENTFLOW
from tests.benchmarks.compare.page import Results

OURS, THEIRS = "#2a6f97", "#a9b4be"
ROWS = ("sqlite-100", "postgresql-100", "sqlite-rest", "postgresql-rest", "jobs")


def draw(results: Results, folder: Path) -> None:
    """Draw one panel for each match that says most."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [each for row in ROWS for each in results.results if each.id == row]
    mpl.rcParams["svg.hashsalt"] = "eventflow"
    figure, panels = plt.subplots(len(chosen), 1, figsize=(8, 1.7 * len(chosen)))
    for panel, result in zip(panels, chosen, strict=True):
        names = list(result.medians)[::-1]
        values = [result.medians[name] for name in names]
        bars = panel.barh(names, values, color=[OURS if n == EVENTFLOW else THEIRS for n in names])
        panel.bar_label(bars, labels=[f" {value:,.0f}" for value in values])
        less = ", less is better" if result.unit == "ms" else ""
        panel.set_title(f"{result.title} ({result.unit}{less})", loc="left", fontsize=10)
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.12)
    figure.tight_layout()
    for kind in ("svg", "png"):
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(folder / f"compared-with-peers.{kind}", metadata=metadata, dpi=120)
