"use strict";
// Transfers: files on their way, put together from started, progress and the event that ends them.

const SILENT_MS = 5000; // progress comes each second: then nobody knows how it stands
const FORGOTTEN_MS = 60_000;
const SHOWN_MS = 4000; // how long the end of a transfer stays to be seen
const MOST_TRANSFERS = 200;

class Transfers {
  constructor() {
    this.all = []; // in the order in which they began
    this._id = 0;
  }

  /** Take an event ftp/transfer in. board: its id. */
  take(board, event, now) {
    const what = event.event_type;
    if (!["started", "progress", "stored", "sent", "failed"].includes(what)) return;
    let transfer = what === "started" ? null : this._find(board, event, now);
    if (!transfer) {
      transfer = this._begin(board, event, now);
    }
    const bytes = finite(event.bytes) ?? transfer.bytes;
    const ms = finite(event.ms) ?? transfer.ms;
    if (what === "progress" && ms > transfer.ms) {
      // The rate of the last second, not of the whole: it shows what stands still.
      transfer.rate = rateText(bytes - transfer.bytes, ms - transfer.ms);
    }
    Object.assign(transfer, { bytes, ms, heardAt: now });
    if (what === "started" || what === "progress") return;
    transfer.end = what;
    transfer.endedAt = now;
    transfer.error = event.error;
    transfer.rate = rateText(bytes, ms);
  }

  /** No board can tell of the end of what it was doing when it went. */
  lose(board, now) {
    for (const transfer of this.all) {
      if (transfer.board !== board || transfer.end) continue;
      Object.assign(transfer, { end: "lost", endedAt: now, error: "the board is gone" });
    }
  }

  /** Drop what ended a while ago or was not heard of for long; return whether there was any. */
  sweep(now) {
    const before = this.all.length;
    this.all = this.all.filter((transfer) => {
      return now - (transfer.endedAt ?? now) < SHOWN_MS && now - transfer.heardAt < FORGOTTEN_MS;
    });
    return this.all.length < before;
  }

  /** All to be shown: those under way first, then the last that ended first. */
  get inOrder() {
    const ended = this.all.filter((transfer) => transfer.end);
    ended.sort((a, b) => b.endedAt - a.endedAt);
    return [...this.all.filter((transfer) => !transfer.end), ...ended];
  }

  /** How many are under way. */
  get running() {
    return this.all.filter((transfer) => !transfer.end).length;
  }

  _begin(board, event, now) {
    const transfer = {
      id: (this._id += 1),
      board,
      ...{ verb: event.verb, path: event.path, user: event.user, address: event.address },
      ...{ bytes: 0, ms: 0, rate: "" },
      began: now - (finite(event.ms) ?? 0),
      ...{ heardAt: now, end: null, endedAt: null, error: null },
    };
    this.all.push(transfer);
    if (this.all.length > MOST_TRANSFERS) {
      const ended = this.all.findIndex((one) => one.end);
      this.all.splice(Math.max(ended, 0), 1);
    }
    return transfer;
  }

  /** The running transfer that an event speaks of: of two that look the same, by its beginning. */
  _find(board, event, now) {
    const began = now - (finite(event.ms) ?? 0);
    let found = null;
    for (const one of this.all) {
      const same =
        !one.end && one.board === board && one.verb === event.verb && one.path === event.path &&
        one.user === event.user && one.address === event.address;
      if (same && (!found || Math.abs(one.began - began) < Math.abs(found.began - began))) {
        found = one;
      }
    }
    return found;
  }
}
