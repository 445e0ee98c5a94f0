"use strict";
// The plots of one board: heap, signal, uptime and transfers over time, and what happened when.

const SPANS = { "1 h": HOUR, "24 h": 24 * HOUR, "7 d": HISTORY_MS };
const LEAST_SPAN_S = 600; // an axis of seconds says nothing
const PLOT_HEIGHT = 96;
const TIME = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const MARK_LEVELS = { reset: "warn", rescue: "bad", trial: "warn", "rolled-back": "bad", confirmed: "good" };
const MARK_WORDS = { rescue: "rescue mode", "rolled-back": "rolled back" };

/** A scale that begins at 0; where all is 0 it has a height all the same. */
function fromZero(plot, low, high) {
  return [0, (high || 1) * 1.1];
}

// What lines of a grid may be apart, so that their values are round ones.
const KIBS = Array.from({ length: 24 }, (_, power) => 1024 * 2 ** power);
const SPANS_S = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600];
SPANS_S.push(43_200, 86_400, 172_800, 432_000);
SPANS_S.push(864_000, 2_592_000, 8_640_000, 31_536_000);
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10_000, 100_000];

// place: of a point; low: its least value matters; filled: 0 means none of it.
const PLOTS = [
  { title: "Free heap", place: HEAP, text: bytesText, apart: KIBS, range: fromZero, filled: true, low: true },
  { title: "Signal", place: RSSI, text: (dbm) => `${dbm} dBm`, apart: WHOLE, range: (plot, low, high) => [low - 5, high + 5], low: true },
  { title: "Uptime", place: UPTIME, text: spanText, apart: SPANS_S, range: fromZero, filled: true, resets: true },
  { title: "Transfers an hour", place: null, text: String, apart: WHOLE, range: fromZero, filled: true },
];

/** What a colour of style.css is now, as canvas understands it. */
function colourOf(name) {
  return getComputedStyle(byId(`colour-${name}`)).color;
}

/** One small plot; nothing is drawn while there are no points. */
class Plot {
  constructor(kind) {
    this._kind = kind;
    this._plot = null;
    this._value = element("span");
    this._canvas = element("div", { className: "canvas", role: "img" });
    this.node = element("figure", {}, element("figcaption", {}, element("b", {}, kind.title), " ", this._value), this._canvas);
    this._resize = new ResizeObserver(() => this._plot?.setSize(this._size));
    this._resize.observe(this._canvas);
  }

  get _size() {
    return { width: Math.max(120, this._canvas.clientWidth), height: PLOT_HEIGHT };
  }

  /** Draw history from since to now; both milliseconds. */
  show(history, since, now) {
    const { place, text, low } = this._kind;
    const data = place === null ? history.hourly(since) : history.line(place, since);
    const known = data[1].filter((value) => value !== null);
    const last = known.at(-1);
    const least = low && known.length > 1 ? `, least ${text(Math.min(...known))}` : "";
    this._summary = known.length ? `${text(last)}${least}` : "nothing yet";
    setText(this._value, this._summary);
    setAttribute(this._canvas, "aria-label", `${this._kind.title} from ${momentText(since, now)} on: ${this._summary}`);
    this._marks = this._kind.resets ? history.marks.filter(({ what }) => what === "reset") : [];
    const from = Math.min(Math.max(since, history.points[0]?.[AT] ?? now) / 1000, now / 1000 - LEAST_SPAN_S);
    // Hours are shown whole, the one that isn't over too.
    const hour = (moment) => Math.floor((moment * 1000) / HOUR) * 3600;
    this._span = place === null ? [hour(from), hour(now / 1000) + 3600] : [from, now / 1000];
    setProperty(this._canvas, "hidden", !known.length);
    if (!known.length) return;
    if (!this._plot) this._make(data);
    else this._plot.setData(data);
  }

  _make(data) {
    const { place, text, range, apart, filled } = this._kind;
    const axis = { stroke: () => colourOf("soft"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: () => colourOf("line"), width: 1 };
    const bars = place === null ? { paths: uPlot.paths.bars({ size: [0.9], align: 1 }), points: { show: false } } : { points: { size: 4 } };
    const fill = filled && (() => `color-mix(in srgb, ${colourOf("accent")} 14%, transparent)`);
    this._plot = new uPlot({
      ...this._size,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      padding: [10, 18, 0, 0],
      scales: { x: { range: () => this._span }, y: { range } },
      axes: [
        { ...axis, grid: { show: false }, size: 22, space: 56, values: (plot, splits) => splits.map((at) => this._moment(at)) },
        { ...axis, grid, size: 60, space: 26, incrs: apart, values: (plot, splits) => splits.map((value) => text(value)) },
      ],
      series: [{}, { stroke: () => colourOf("accent"), fill, width: 1.5, spanGaps: false, ...bars }],
      hooks: { draw: [(plot) => this._drawMarks(plot)], setCursor: [(plot) => this._sayPointed(plot)] },
    }, data, this._canvas);
  }

  _moment(at) {
    const long = this._span[1] - this._span[0] > 2 * 86_400;
    return (long ? DAY : TIME).format(new Date(at * 1000));
  }

  /** What stands under the pointer, in place of the summary. */
  _sayPointed({ cursor: { idx }, data: [times, values] }) {
    const value = idx === null || idx === undefined ? null : values[idx];
    const pointed = finite(value) === null ? null : `${this._kind.text(value)} at ${this._moment(times[idx])}`;
    setText(this._value, pointed ?? this._summary);
  }

  _drawMarks({ ctx, bbox, valToPos }) {
    ctx.save();
    ctx.strokeStyle = colourOf("bad");
    ctx.setLineDash([4, 3]);
    for (const { at } of this._marks) {
      if (at / 1000 < this._span[0]) continue;
      const x = valToPos(at / 1000, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  /** Draw again what is drawn: the theme has changed. */
  redraw() {
    this._plot?.redraw(false);
  }

  /** Let go of it. */
  close() {
    this._resize.disconnect();
    this._plot?.destroy();
  }
}

class PlotsView {
  static all = new Set(); // those on the page, for a change of the theme

  constructor() {
    this._plots = PLOTS.map((kind) => new Plot(kind));
    this._marks = element("ol", { className: "marks", role: "list" });
    this._chips = Object.keys(SPANS).map((name) => {
      const chip = element("button", { type: "button", className: "quiet" }, name);
      chip.addEventListener("click", () => {
        Kept.set("span", name);
        this._show?.();
      });
      return chip;
    });
    this.node = element(
      "div",
      { className: "history" },
      element("div", { className: "spans", role: "group", "aria-label": "How far back" }, ...this._chips),
      element("div", { className: "plots" }, ...this._plots.map(({ node }) => node)),
      this._marks,
    );
    PlotsView.all.add(this);
  }

  /** Show a board's history up to now. */
  show(history, now) {
    this._show = () => this.show(history, Date.now());
    const kept = Kept.get("span");
    const chosen = Object.hasOwn(SPANS, kept ?? "") ? kept : "24 h";
    for (const chip of this._chips) setAttribute(chip, "aria-pressed", String(chip.textContent === chosen));
    const since = now - SPANS[chosen];
    // Time passes on the axis too, but not each second.
    const key = `${history.heardAt} ${history.points.length} ${history.marks.length} ${chosen} ${Math.floor(now / 30_000)}`;
    if (key === this._shown) return;
    this._shown = key;
    for (const plot of this._plots) plot.show(history, since, now);
    const marks = history.marks.filter(({ at }) => at >= since).reverse();
    this._marks.replaceChildren(...marks.map(({ at, what, detail }) => {
      const level = MARK_LEVELS[what] ?? "";
      const time = element("time", { dateTime: new Date(at).toISOString() }, momentText(at, now));
      return element("li", { "data-level": level }, time, " ", element("b", { className: "what" }, MARK_WORDS[what] ?? what), " ", named(detail));
    }));
  }

  /** Let go of it: its board is gone or closed. */
  close() {
    PlotsView.all.delete(this);
    for (const plot of this._plots) plot.close();
  }

  /** The theme has changed. */
  static redraw() {
    for (const view of PlotsView.all) for (const plot of view._plots) plot.redraw();
  }
}
