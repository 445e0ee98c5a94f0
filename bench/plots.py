"""The pictures of docs/benchmarks.md: ratios above all, and where the heap goes."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, NullLocator

from bench import asked, heap
from bench.figures import short

RATIOS, HEAP = "benchmarks-ratios.svg", "benchmarks-heap.svg"
# Light, dark. A page's reader may prefer either, and the picture follows by itself.
COLOURS = {
    "ground": ("#ffffff", "#0d1117"),
    "ink": ("#1f2328", "#e6edf3"),
    "band": ("#f6f8fa", "#161b22"),
    "faint": ("#d1d9e0", "#3d444d"),
    "blocking loop": ("#8250df", "#bc8cff"),
    "FTPdLite": ("#0969da", "#58a6ff"),
    "uftpd": ("#1a7f37", "#3fb950"),
    "pyftpdlib": ("#bc4c00", "#f0883e"),
    "asked": ("#cf222e", "#ff7b72"),
    ".mpy": ("#8c959f", "#6e7681"),
    "frozen": ("#2da44e", "#2ea043"),
}
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
_MARKS = {"blocking loop": "o", "FTPdLite": "s", "uftpd": "D", "pyftpdlib": "^"}
# What the picture shows, best known first; "/s" and "MiB/s" are better when more, the rest less.
_SHOWN = (
    ("RETR 32 MiB, MiB/s", "RETR 32 MiB"),
    ("STOR 32 MiB, MiB/s", "STOR 32 MiB"),
    ("RETR 2 MiB on LittleFS, MiB/s", "RETR on LittleFS"),
    ("STOR 2 MiB on LittleFS, MiB/s", "STOR on LittleFS"),
    ("FTPS RETR 16 MiB, MiB/s", "FTPS RETR"),
    ("FTPS STOR 16 MiB, MiB/s", "FTPS STOR"),
    ("1 KiB RETR/s", "1 KiB RETR"),
    ("1 KiB STOR/s", "1 KiB STOR"),
    ("LIST of 500, ms", "LIST of 500"),
    ("LIST of 4000, ms", "LIST of 4,000"),
    ("NOOP/s", "NOOP"),
    ("login+QUIT/s", "login and QUIT"),
    ("4 x RETR 16 MiB at once, MiB/s", "four RETRs at once"),
)


def draw(results, folder):
    """Write the pictures of results, key -> Figures or Table, into a folder; return their paths.

    A picture whose part was not measured is not drawn.
    """
    drawn = []
    style = {
        "font.size": 10,
        "svg.fonttype": "path",  # the same letters everywhere
        "svg.hashsalt": "outpost",  # the same file from the same figures
    }
    with plt.rc_context(style):
        if "speed" in results:
            drawn.append(_saved(_ratios(results["speed"]), folder / RATIOS))
        if "heap" in results:
            drawn.append(_saved(_heap(results["heap"]), folder / HEAP))
    return drawn


def _light(name):
    return COLOURS[name][0]


def better(figures, other, measure):
    """How many times better Outpost is than another server; None where there is nothing."""
    ratio = figures.ratio(asked.OUTPOST, other, measure)
    return 1 / ratio if ratio and not measure.endswith("/s") else ratio


def _wanted(other, measure):
    """What was asked, turned as better() turns it; None where nothing was."""
    ratio = asked.wanted(other, measure)
    return 1 / ratio if ratio and not measure.endswith("/s") else ratio


def _ratios(figures):
    """A row a measure, a mark a server; a stroke where the asked figure is."""
    shown = [
        (measure, text)
        for measure, text in _SHOWN
        if any(better(figures, other, measure) for other in _MARKS)
    ]
    figure, axes = plt.subplots(figsize=(8.6, 0.5 * len(shown) + 1.7))
    labelled, strokes = set(), None
    for row, (measure, _) in enumerate(shown):
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color=_light("band"), zorder=0)
        for place, (other, mark) in enumerate(_MARKS.items()):
            ratio = better(figures, other, measure)
            if not ratio:
                continue
            y = row + (place - 1.5) * 0.2
            axes.plot(
                ratio,
                y,
                mark,
                color=_light(other),
                markersize=6,
                label=None if other in labelled else other,
                zorder=3,
            )
            axes.annotate(
                short(ratio),
                (ratio, y),
                # Away from the line at 1.
                xytext=(6, -3) if ratio >= 1 else (-6, -3),
                ha="left" if ratio >= 1 else "right",
                textcoords="offset points",
                fontsize=7.5,
                color=_light("ink"),
                zorder=6,
            )
            labelled.add(other)
            if wanted := _wanted(other, measure):
                strokes = _stroke(axes, wanted, y, 0.16)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.15, high * 1.1)  # room for the numbers
    axes.axvline(1, color=_light("ink"), linewidth=1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(
        [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if _inside(axes, t)]
    )
    axes.set_yticks(range(len(shown)), [text for _, text in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_title("How many times as fast as each other server is Outpost? To the right: faster.")
    _plain(figure, axes, "x")
    handles, names = axes.get_legend_handles_labels()
    if strokes:
        handles, names = [*handles, strokes], [*names, "asked"]
    figure.legend(
        handles,
        names,
        loc="lower center",
        ncols=5,
        frameon=False,
        labelcolor=_light("ink"),
        fontsize=9,
    )
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    return figure


def _stroke(axes, x, y, half):
    """What was asked, with an edge that parts it from what it lies on; return the stroke."""
    ends = [x, x], [y - half, y + half]
    axes.plot(*ends, color=_light("ground"), linewidth=4.5, zorder=3.5)
    return axes.plot(*ends, color=_light("asked"), linewidth=2.2, zorder=4)[0]


def _inside(axes, value):
    low, high = axes.get_xlim()
    return low <= value <= high


def _heap(table):
    """A bar for each column: bytes at rest; strokes where the asked figures are."""
    names = [name for name in table.columns if table.get(name, heap.AT_REST)]
    figure, axes = plt.subplots(figsize=(8.6, 0.42 * len(names) + 1.5))
    for row, name in enumerate(names):
        value = table.get(name, heap.AT_REST) / 1000
        colour = name.rpartition(", ")[2]
        axes.barh(row, value, 0.62, color=_light(colour), zorder=2)
        axes.annotate(
            f"{value:.0f} KB",
            (value, row),
            xytext=(5, -3.5),
            textcoords="offset points",
            color=_light("ink"),
        )
        if wanted := asked.wanted("heap", name, heap.AT_REST):
            _stroke(axes, wanted, row, 0.4)
    texts = ["FTPdLite, .mpy" if name == "FTPdLite" else f"Outpost, {name}" for name in names]
    axes.set_yticks(range(len(names)), texts)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.1)
    axes.set_title("Heap at rest, above the bare interpreter, KB (32 bits); red: asked")
    _plain(figure, axes, "x")
    figure.tight_layout()
    return figure


def _plain(figure, axes, grid):
    """No frame, a faint grid, all in the ink's colour."""
    figure.set_facecolor(_light("ground"))
    axes.set_facecolor(_light("ground"))
    axes.grid(axis=grid, color=_light("faint"), linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=_light("ink"), length=0)
    axes.title.set_color(_light("ink"))
    axes.title.set_fontsize(11)


def _saved(figure, path):
    """Save as SVG that takes its dark colours where the reader prefers dark."""
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark} !important}}'
        for light, dark in COLOURS.values()
        for what in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    text = path.read_text()
    at = text.index("<defs>")
    path.write_text(_stripped(text[:at] + style + text[at:]))
    return path


def _stripped(text):
    """Without the white space that matplotlib leaves at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.split("\n"))
