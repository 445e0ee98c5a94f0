"""The picture of a day: free heap over the hours of the board, in KiB, as a PNG."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from bench.plots import COLOURS

_INK, _FAINT, _GROUND = (COLOURS[name][0] for name in ("ink", "faint", "ground"))
_ONLINE, _REST, _REBOOT = "#0969da", "#1a7f37", "#cf222e"
_KIB = 1024


def draw(found, path):
    """Draw the figures of a day (report.figures) into a file."""
    with plt.rc_context({"font.size": 11}):
        figure, axes = plt.subplots(figsize=(11, 5), facecolor=_GROUND)
        hours = [hour for hour, _, _ in found["heap"]]
        axes.plot(
            hours,
            [free / _KIB for _, free, _ in found["heap"]],
            ".",
            color=_ONLINE,
            markersize=3,
            alpha=0.55,
            label="each state that telemetry told",
        )
        axes.plot(
            [hour for hour, _, _ in found["rests"]],
            [free / _KIB for _, free, _ in found["rests"]],
            "o",
            color=_REST,
            markersize=6,
            markeredgecolor=_GROUND,
            label="at rest, nobody logged in for 75 s",
        )
        for number, began in enumerate(found["lives"][1:]):
            axes.axvline(
                began,
                0,
                0.04,
                color=_REBOOT,
                linewidth=1.2,
                label="reboot" if not number else None,
            )
        axes.set_ylim(0, max(free for _, free, _ in found["heap"]) / _KIB * 1.12)
        axes.set_xlim(0, max(hours) * 1.01)
        axes.set_xticks(range(0, int(max(hours)) + 1, 3 if max(hours) > 12 else 1))
        axes.set_xlabel("time of the board, hours")
        axes.set_ylabel("free heap, KiB")
        axes.set_title(
            f"Free heap over {found['hours']:.0f} h: {found['transfers']:,} transfers, "
            f"{found['logins']:,} logins, {found['reboots']} reboots",
            color=_INK,
            fontsize=12,
        )
        axes.grid(color=_FAINT, linewidth=0.7)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.legend(loc="lower center", ncols=3, frameon=False, bbox_to_anchor=(0.5, -0.28))
        figure.tight_layout()
        figure.savefig(path, dpi=110, metadata={"Software": None})
        plt.close(figure)
