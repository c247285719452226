"""Draw what a soak saw: python -m benchmarks.soak_plot soak.csv soak.svg; the same figures give the same bytes."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Final

import leather
import numpy as np
from leather import theme
from numpy.typing import NDArray

POINTS_MAX: Final = 200
"""Of one line; of more looks than these medians are drawn."""
_WIDTH, _HEIGHT = 1_500, 760
_COLOURS: Final = ("#1f5a96", "#b5541c")
_FONT: Final = "Helvetica, Arial, sans-serif"


def draw(figures: Path, plot: Path) -> None:
    """Six small charts over minutes."""
    with figures.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    found = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    minutes = found["seconds"] / 60
    _set_style()
    grid = leather.Grid()
    grid.add_many(
        [
            _chart("Memory, MB", minutes, found["memory_bytes"] / 1e6),
            _chart("Recorded a second", minutes, _rates(found, "position")),
            _chart("Unread in Kafka, actions", minutes, found["lag_actions"]),
            _chart("Open files", minutes, found["handles"]),
            _chart("Processors used", minutes, _rates(found, "processor_seconds")),
            _chart(
                "Seconds that the oldest has waited", minutes, found["lag_seconds"], found["shown_lag_seconds"],
                names=("unread in Kafka", "not yet in all views"),
            ),
        ]
    )  # fmt: skip
    text = str(grid.to_svg(width=_WIDTH, height=_HEIGHT))
    # So that it shrinks with the page that shows it.
    sized = text.replace("<svg ", f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" ', 1)
    plot.write_text(sized + "\n", encoding="utf-8")


def _chart(
    title: str, minutes: NDArray[np.float64], *lines: NDArray[np.float64], names: tuple[str, ...] = ("",)
) -> leather.Chart:
    chart, passed = leather.Chart(title), _thin(minutes)
    for line, name, colour in zip(lines, names, _COLOURS, strict=False):
        points = list(zip(passed, _thin(line), strict=True))
        chart.add_line(points, name=name, stroke_color=colour, width=1.5)
    top = _above(max(float(line.max()) for line in lines))
    chart.add_x_scale(0, max(0.1, passed[-1]))
    chart.add_y_scale(0, top)
    chart.add_x_axis(name="minutes", ticks=_ticks(max(0.1, passed[-1])), tick_formatter=_written)
    chart.add_y_axis(ticks=_ticks(top), tick_formatter=_written)
    return chart


def _rates(found: dict[str, NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    """What came on a second between two looks; the first look has the rate of the second."""
    rates = np.diff(found[name]) / np.maximum(np.diff(found["seconds"]), 0.01)
    return np.concatenate([rates[:1], rates]) if rates.size else np.zeros(1)


def _thin(values: NDArray[np.float64]) -> list[float]:
    parts = np.array_split(values, min(POINTS_MAX, values.size))
    return [round(float(np.median(part)), 3) for part in parts]


def _step(most: float) -> float:
    """A step of 1, 2 or 5 of some power of ten, with four to ten of them up to `most`."""
    power = 10.0 ** np.floor(np.log10(max(most, 1e-3)))
    share = most / power
    return float(power * (0.2 if share <= 2 else 0.5 if share <= 5 else 1.0))


def _above(most: float) -> float:
    step = _step(max(most, 1e-3))
    return float(np.ceil(max(most, 1e-3) * 1.05 / step) * step)


def _ticks(most: float) -> list[float]:
    step = _step(most)
    return [round(step * number, 6) for number in range(int(most / step + 1e-9) + 1)]


def _written(value: float, index: int, count: int) -> str:
    del index, count
    return f"{value:,g}" if value < 1e6 else f"{value / 1e6:g} M"


def _set_style() -> None:
    theme.background_color = "#ffffff"
    theme.tick_color, theme.label_color, theme.title_color = "#e4e8ec", "#46505a", "#1c2126"
    theme.title_font_family = theme.legend_font_family = theme.axis_title_font_family = _FONT
    theme.tick_font_family = _FONT
    theme.tick_font_size = theme.axis_title_font_size = theme.legend_font_size = 12


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
