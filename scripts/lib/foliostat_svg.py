# SPDX-License-Identifier: GPL-2.0
"""Pictures: the orders of a file's folios over time, and the census as a bar."""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape

from foliostat_text import human, share

WIDTH, HEIGHT = 900, 420
INK, FAINT = "#222222", "#d8d8d8"
# From small to large folios: dark to light, told apart also without colour.
ORDERS = ("#440154", "#482878", "#3e4a89", "#31688e", "#26838f", "#1f9d8a", "#35b779", "#6cce59", "#b5de2b", "#fde725")
# Told apart by people who see colours otherwise, too.
KINDS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#882255", "#117733")
OTHERS = "#999999"


@dataclass
class Sample:
    """Seconds since the first, and the bytes in folios of each order."""
    seconds: float
    orders: dict[int, int]


@dataclass
class Canvas:
    height: int = HEIGHT
    parts: list[str] = field(default_factory=list)

    def rect(self, x: float, y: float, width: float, height: float, fill: str, tip: str = "") -> None:
        title = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                          f'fill="{fill}">{title}</rect>')

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = FAINT) -> None:
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>')

    def text(self, x: float, y: float, text: str, anchor: str = "start", size: int = 13) -> None:
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
                          f'fill="{INK}">{escape(text)}</text>')

    def legend(self, x: float, y: float, fill: str, text: str) -> None:
        self.rect(x, y - 10, 12, 12, fill)
        self.text(x + 18, y, text)

    def done(self) -> str:
        return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self.height}" '
                          f'viewBox="0 0 {WIDTH} {self.height}" font-family="sans-serif">',
                          f'<rect width="{WIDTH}" height="{self.height}" fill="white"/>', *self.parts, "</svg>", ""])


def colour_of(order: int) -> str:
    return ORDERS[min(order, len(ORDERS) - 1)]


def tick_step(most: float) -> int:
    """A power of two that gives four to eight ticks up to MOST bytes."""
    return 1 << max(0, math.ceil(math.log2(max(most, 1) / 8)))


def columns_of(samples: list[Sample], over_time: bool) -> list[tuple[str, Sample]]:
    """What stands under each column, and what it holds."""
    if over_time:
        return [(f"{sample.seconds:.0f}", sample) for sample in samples]
    return [(str(order), Sample(sample.seconds, {order: size}))
            for sample in samples for order, size in sorted(sample.orders.items())]


def draw_orders(samples: list[Sample], title: str, page: int, over_time: bool) -> str:
    """A stacked column for each sample; or, of one sample, a column for each order."""
    canvas = Canvas()
    left, right, top, bottom = 90, WIDTH - 190, 50, HEIGHT - 50
    columns = columns_of(samples, over_time)
    most = max((sum(sample.orders.values()) for _, sample in columns), default=0)
    step = tick_step(most)
    high = max(math.ceil(most / step), 1) * step
    canvas.text(left, 28, title if len(title) < 90 else "..." + title[-87:], size=16)
    for tick in range(0, high + 1, step):
        y = bottom - (bottom - top) * tick / high
        canvas.line(left, y, right, y)
        canvas.text(left - 8, y + 4, human(tick) if tick else "0", "end")
    width = (right - left) / max(len(columns), 8)
    gap = min(width * 0.15, 6)
    label_every = max(1, math.ceil(len(columns) / 10))
    for at, (label, sample) in enumerate(columns):
        y = float(bottom)
        for order, size in sorted(sample.orders.items()):
            height = (bottom - top) * size / high
            y -= height
            canvas.rect(left + at * width + gap / 2, y, width - gap, height, colour_of(order),
                        f"{sample.seconds:.0f} s, order {order}: {human(size)}")
        if at % label_every == 0:
            canvas.text(left + (at + 0.5) * width, bottom + 18, label, "middle")
    canvas.line(left, bottom, right, bottom, INK)
    canvas.text((left + right) / 2, bottom + 38, "seconds" if over_time else "order", "middle")
    seen = sorted({order for sample in samples for order, size in sample.orders.items() if size}, reverse=True)
    for at, order in enumerate(seen):
        canvas.legend(right + 24, top + 10 + 22 * at, colour_of(order), f"order {order}, {human(page << order)}")
    if not seen:
        canvas.text((left + right) / 2, (top + bottom) / 2, "nothing in the page cache", "middle")
    return canvas.done()


def draw_stack(canvas: Canvas, y: float, parts: list[tuple[str, int, str]], scale: float) -> float:
    """One bar of parts (name, bytes, colour); where it ends."""
    x = 30.0
    for name, size, fill in parts:
        canvas.rect(x, y, size * scale, 36, fill, f"{name}: {human(size)}")
        x += size * scale
    return x


def draw_census(kinds: dict[str, int], models: dict[str, tuple[int, int]], title: str) -> str:
    """The memory by kind, as a bar with a legend; then what pages and descriptors
    cost: models are name: (bytes of pages, bytes of descriptors)."""
    total = sum(kinds.values())
    items = sorted(kinds.items(), key=lambda item: -item[1])
    parts = [(name, size, KINDS[at]) for at, (name, size) in enumerate(items[:len(KINDS)])]
    if rest := sum(size for _, size in items[len(KINDS):]):
        parts.append(("all other", rest, OTHERS))
    lines = math.ceil(len(parts) / 3)
    canvas = Canvas(height=200 + 22 * lines + 40 * len(models))
    canvas.text(30, 28, title, size=16)
    draw_stack(canvas, 44, parts, (WIDTH - 60) / max(total, 1))
    for at, (name, size, fill) in enumerate(parts):
        canvas.legend(30 + 285 * (at // lines), 104 + 22 * (at % lines), fill,
                      f"{name}: {human(size)}, {share(size, total)}")
    y = 138.0 + 22 * lines
    canvas.text(30, y, "Cost of struct page, and of memdescs with their descriptors", size=16)
    most = max((pages + descs for pages, descs in models.values()), default=1)
    for name, (pages, descs) in models.items():
        y += 16
        canvas.text(150, y + 23, name, "end")
        width = 470 / max(most, 1)
        canvas.rect(160, y + 4, pages * width, 28, KINDS[0], f"pages: {human(pages)}")
        canvas.rect(160 + pages * width, y + 4, descs * width, 28, KINDS[1], f"descriptors: {human(descs)}")
        canvas.text(170 + (pages + descs) * width, y + 23, f"{human(pages + descs)}" +
                    (f", {human(descs)} of descriptors" if descs else ""))
        y += 24
    canvas.legend(160, y + 34, KINDS[0], "pages")
    canvas.legend(240, y + 34, KINDS[1], "descriptors")
    return canvas.done()
