"""The table as a picture: a bar for each row, and the curves of growth. __main__.py calls it."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

matplotlib.use("agg")
GOOD, BAD, PLAIN = "#2f7d4f", "#c0562b", "#8a8f98"


def draw(table: dict, path: Path) -> None:
    """Write the picture of a table as __main__.py makes it."""
    curves = [row for row in table["rows"] if "sizes" in row]
    rows = [row for row in table["rows"] if row["margin"] is not None and row not in curves]
    heights = [1 + 0.42 * len(rows), 3] if curves else [1 + 0.42 * len(rows)]
    figure = Figure(figsize=(14, sum(heights) + 0.5), layout="constrained")
    above, *below = np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights))
    if rows:
        bars(above.subplots(), rows)
    for axes, row in zip(below[0].subplots(1, len(curves), squeeze=False)[0] if curves else (), curves, strict=True):
        curve(axes, row)
    figure.suptitle(table["conditions"], fontsize=9, color=PLAIN)
    figure.savefig(path, dpi=110)


def bars(axes: Axes, rows: list[dict]) -> None:
    """Draw how many times better than asked each row is: to the right of 1 what was reached, to the left what was missed."""
    margins = np.clip([row["margin"] for row in rows], 0.05, None)
    places = np.arange(len(rows))
    axes.barh(places, margins - 1, 0.55, left=1, color=np.where(margins >= 1, GOOD, BAD))
    axes.axvline(1, color="black", linewidth=1)
    axes.set(xscale="log", xlim=(margins.min() * 0.8, margins.max() * 8), yticks=places, xlabel="times better than asked")
    axes.set_yticklabels([row["what"] for row in rows], fontsize=8)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    for place, margin, row in zip(places, margins, rows, strict=True):
        text = f"{row['figure']}; asked: {row['asked']}"
        axes.annotate(text, (max(margin, 1), place), (6, 0), textcoords="offset points", va="center", fontsize=8)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)


def curve(axes: Axes, row: dict) -> None:
    """Draw time and memory against what was asked, beside a line that is linear."""
    sizes, times, held = row["sizes"], row["times_s"], row["held_bytes"]
    axes.loglog(sizes, [1e3 * t for t in times], "o-", color=GOOD if row["margin"] >= 1 else BAD, markersize=3, label="time, ms")
    axes.loglog(sizes, [max(h, 1e5) / 1e6 for h in held], "s--", color="#3a6ea5", markersize=3, label="memory, MB")
    axes.loglog(sizes, [1e3 * times[-1] * size / sizes[-1] for size in sizes], ":", color=PLAIN, label="linear")
    axes.set_title(row["what"], fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
