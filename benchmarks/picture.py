"""The table as a picture: a bar for each ratio with what was asked, and the curves of growth. __main__.py calls it."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

matplotlib.use("agg")
GOOD, BAD, PLAIN = "#2f7d4f", "#c0562b", "#8a8f98"


def draw(table: dict, path: Path) -> None:
    """Write the picture of a table as __main__.py makes it."""
    ratios = [row for row in table["rows"] if "ratio" in row]
    curves = [row for row in table["rows"] if "sizes" in row]
    heights = [1 + 0.45 * len(ratios), 3] if curves else [1 + 0.45 * len(ratios)]
    figure = Figure(figsize=(13, sum(heights) + 0.5), layout="constrained")
    above, *below = np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights))
    if ratios:
        bars(above.subplots(), ratios)
    for axes, row in zip(below[0].subplots(1, len(curves), squeeze=False)[0] if curves else (), curves, strict=True):
        curve(axes, row)
    figure.suptitle(table["conditions"], fontsize=9, color=PLAIN)
    figure.savefig(path, dpi=110)


def bars(axes: Axes, rows: list[dict]) -> None:
    """Draw a bar for each ratio, on a logarithmic scale, and a mark where it was asked to be."""
    places = range(len(rows))
    axes.barh(places, [row["ratio"] for row in rows], 0.55, left=0, color=[GOOD if row["reached"] else BAD for row in rows])
    axes.scatter([row["asked_ratio"] for row in rows], places, marker="|", s=350, linewidths=2, color="black", zorder=3, label="asked")
    axes.set(xscale="log", yticks=places, xlabel="ratio")
    axes.set_yticklabels([row["what"] for row in rows], fontsize=8)
    for place, row in zip(places, rows, strict=True):
        axes.annotate(row["figure"], (row["ratio"], place), (6, 0), textcoords="offset points", va="center", fontsize=8)
    axes.margins(x=0.45)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False, fontsize=8)


def curve(axes: Axes, row: dict) -> None:
    """Draw time and memory against what was asked, beside a line that is linear."""
    sizes, times, held = row["sizes"], row["times_s"], row["held_bytes"]
    axes.loglog(sizes, [1e3 * t for t in times], "o-", color=GOOD if row["reached"] else BAD, markersize=3, label="time, ms")
    axes.loglog(sizes, [max(h, 1e5) / 1e6 for h in held], "s--", color="#3a6ea5", markersize=3, label="memory, MB")
    axes.loglog(sizes, [1e3 * times[-1] * size / sizes[-1] for size in sizes], ":", color=PLAIN, label="linear")
    axes.set_title(row["what"].partition(" to ")[2].partition(" ")[2], fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
