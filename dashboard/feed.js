"use strict";
// Feed: the last events in memory, newest last, and the question which of them a filter lets by.

const MOST_KEPT = 2000;

class Feed {
  constructor() {
    this.entries = [];
    this.count = 0; // of all that ever came; the last entry's number
  }

  /** Take an entry in, as described() makes them, with board, name, at and time. */
  add(entry) {
    this.count += 1;
    this.entries.push({ ...entry, number: this.count });
    // In one go, now and then: to shift a long array at every event would cost more.
    if (this.entries.length > MOST_KEPT * 1.25) this.entries = this.entries.slice(-MOST_KEPT);
  }

  /** Up to most entries that filter lets by and that are newer than number, newest first. */
  newest(filter, most, number = 0) {
    const found = [];
    for (let i = this.entries.length - 1; i >= 0 && found.length < most; i -= 1) {
      if (this.entries[i].number <= number) break;
      if (passes(this.entries[i], filter)) found.push(this.entries[i]);
    }
    return found;
  }
}

/** Whether an entry passes {board: id or "", kind: of KINDS, "bad" or "", text: lower case}. */
function passes(entry, { board, kind, text }) {
  if (board && entry.board !== board) return false;
  if (kind === "bad" ? entry.level !== "bad" : kind && entry.kind !== kind) return false;
  if (!text) return true;
  entry.words ??= [entry.name, entry.board, entry.what, entry.subject, entry.to, entry.detail]
    .map((value) => visible(value)).join(" ").toLowerCase();
  return entry.words.includes(text);
}
