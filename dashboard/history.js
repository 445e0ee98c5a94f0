"use strict";
// History: how one board was over the last days, in few points. Knows neither page nor storage.

const MOST_POINTS = 240; // of a board; older ones are thinned out for new ones
const MOST_MARKS = 40;
const HISTORY_MS = 7 * 86_400_000;
const CLOSEST_MS = 10_000; // between two points
const HOUR = 3_600_000;
// The places in a point, an array for its size: moment, free heap, dBm, uptime in s, transfers
// since the boot, and 1 where nothing is known of the time before it.
const AT = 0;
const HEAP = 1;
const RSSI = 2;
const UPTIME = 3;
const TRANSFERS = 4;
const GAP = 5;

class BoardHistory {
  constructor() {
    this.points = []; // the oldest first
    this.marks = []; // {at, what, detail}: resets, rescue mode, updates; the oldest first
    this.boots = null; // by the last state
    this.offlineAt = null; // when it went before our eyes; null: it is there, or nobody saw it go
    this.changed = false; // since whoever keeps it looked
  }

  /** Take a fresh state in. board: a Board that has taken it; now: milliseconds. */
  take(board, now) {
    const uptime = finite(board.section("board").uptime_s);
    this._bootsBy(board, uptime, now);
    // This machine's clock may have been set back: a line must not go back in time.
    while (this.heardAt > now) this.points.pop();
    const pause = this.points.length ? now - this.heardAt : CLOSEST_MS;
    if (pause < CLOSEST_MS) return;
    this.points.push([
      now,
      finite(board.section("heap").free_bytes),
      finite(board.section("network").rssi),
      uptime,
      finite(board.section("ftp").transfers),
      this.points.length && pause > LATE_AFTER * board.interval * 1000 ? 1 : 0,
    ]);
    this._bound(now);
    this.changed = true;
  }

  /** Note what happened: what: reset, rescue, trial, rolled-back or confirmed. */
  mark(at, what, detail) {
    this.marks.push({ at, what, detail: visible(detail, 200) });
    this.marks.sort((a, b) => a.at - b.at);
    if (this.marks.length > MOST_MARKS) this.marks.shift();
    this.changed = true;
  }

  /** It is online again, or offline since a moment; null where nobody saw it go. */
  away(offline, at) {
    if (offline && at === null) return; // kept from an earlier visit, it may still hold
    this.offlineAt = offline ? at : null;
    this.changed = true;
  }

  /** When the last state came, ever; null where none did. */
  get heardAt() {
    return this.points.at(-1)?.[AT] ?? null;
  }

  /** Put what was kept from before in front of what came since. record: of anybody's making; board: the Board, where a state may have come. */
  adopt(record, now, board) {
    const first = this.points[0]?.[AT] ?? now;
    const sound = (at) => finite(at) !== null && at < first && at > now - HISTORY_MS;
    const points = listOf(record.points).filter((point) => Array.isArray(point) && sound(point[AT]));
    points.sort((a, b) => a[AT] - b[AT]);
    const numbers = points.slice(-MOST_POINTS).map((point) => {
      return [AT, HEAP, RSSI, UPTIME, TRANSFERS, GAP].map((place) => finite(point[place]));
    });
    if (this.points.length && numbers.length) this.points[0][GAP] = 1;
    this.points = [...numbers, ...this.points];
    const marks = listOf(record.marks).filter((mark) => mark && sound(mark.at));
    const before = marks.map(({ at, what, detail }) => ({ at, what: visible(what, 20), detail: visible(detail, 200) }));
    this.marks = [...before, ...this.marks].slice(-MOST_MARKS);
    const came = this.boots; // by a state that was faster than the browser's storage
    this.boots = finite(record.boots) ?? came;
    if (board && came !== null) this._bootsBy(board, finite(board.section("board").uptime_s), now);
    if (finite(record.offlineAt) !== null) this.offlineAt ??= record.offlineAt;
    this._bound(now);
  }

  /** What adopt() takes. */
  get record() {
    const { points, marks, boots, offlineAt } = this;
    return { points, marks, boots, offlineAt };
  }

  /** A board that has booted since the last state we know of, in this visit or an earlier one. */
  _bootsBy(board, uptime, now) {
    const boots = finite(board.section("board").boots);
    const before = this.boots;
    this.boots = boots ?? before;
    if (before === null || boots === null || boots <= before) return;
    const section = board.section("board");
    const times = boots - before > 1 ? `, ${boots - before} boots since it was heard last` : "";
    const end = endText(section);
    const cause = visible(section.reset_cause, 20) || "unknown";
    this.mark(now - (uptime ?? 0) * 1000, "reset", `cause: ${cause}${end && `, ${end}`}, boot ${boots}${times}`);
  }

  _bound(now) {
    while (this.points.length && this.points[0][AT] <= now - HISTORY_MS) this.points.shift();
    while (this.marks.length && this.marks[0].at <= now - HISTORY_MS) this.marks.shift();
    // Every second point of the older half goes: the last hours stay as fine as they came.
    while (this.points.length > MOST_POINTS) {
      this.points = this.points.filter((point, index) => {
        if (index >= MOST_POINTS / 2 || index % 2 === 0) return true;
        if (point[GAP]) this.points[index + 1][GAP] = 1;
        return false;
      });
    }
  }

  /** [moments in s, values] of one of a point's places since a moment; null between two is a gap. */
  line(place, since) {
    const [times, values] = [[], []];
    let before = null;
    for (const point of this.points) {
      if (point[AT] < since) continue;
      const reset = before && point[UPTIME] < before[UPTIME];
      if (before && (point[GAP] || (reset && place === UPTIME))) {
        times.push((before[AT] + point[AT]) / 2000);
        values.push(null);
      }
      times.push(point[AT] / 1000);
      values.push(point[place]);
      before = point;
    }
    return [times, values];
  }

  /** [beginnings of hours in s, transfers in each] since a moment. */
  hourly(since) {
    const hours = new Map();
    let before = null;
    for (const point of this.points) {
      if (before && point[TRANSFERS] !== null && before[TRANSFERS] !== null) {
        // The board counts from its boot.
        const reset = point[UPTIME] < before[UPTIME] || point[TRANSFERS] < before[TRANSFERS];
        const more = point[TRANSFERS] - (reset ? 0 : before[TRANSFERS]);
        const hour = Math.floor(point[AT] / HOUR) * 3600;
        if (point[AT] >= since) hours.set(hour, (hours.get(hour) ?? 0) + more);
      }
      before = point;
    }
    const times = [...hours.keys()].sort((a, b) => a - b);
    return [times, times.map((hour) => hours.get(hour))];
  }
}

function listOf(value) {
  return Array.isArray(value) ? value : [];
}
