"use strict";
// Fleet: all boards, made from nothing but the messages below the topic. Knows nothing of the page.

const MOST_BOARDS = 1000;
const LONGEST_PAYLOAD = 65_536; // bytes; a board's state has some 2,000
const DECODER = new TextDecoder();

class Fleet {
  /** topic: what all boards' topics begin with. */
  constructor(topic) {
    this.prefix = `${topic}/`;
    this.boards = new Map(); // id -> Board
    this.transfers = new Transfers();
    this.feed = new Feed();
    this.changed = new Set(); // ids of boards since whoever shows them looked
    this.news = []; // sentences for those who listen to the page
    this.connectedAt = null; // null: not connected, so nobody can be late
    this.turnedAway = 0; // boards beyond the most
    this.kept = new Map(); // id -> what this browser kept of a board that hasn't come yet
    this.forgotten = new Set(); // ids of boards that were taken away, for whoever keeps them
  }

  /** Take a message in. payload: bytes; fresh: false for a retained one from before. */
  take(topic, payload, fresh, now) {
    if (!topic.startsWith(this.prefix)) return;
    const [id, kind, ...rest] = topic.slice(this.prefix.length).split("/");
    if (!id || !["status", "info", "state", "event"].includes(kind)) return;
    if (kind === "status" && !payload.length) return this._forget(id);
    if (!payload.length) return;
    const board = this._board(id);
    if (!board) return;
    this.changed.add(id);
    if (payload.length > LONGEST_PAYLOAD) {
      this._note(board, "too long", topic, `${bytesText(payload.length)}, not read`, now);
      return;
    }
    const text = DECODER.decode(payload);
    if (kind === "status") return this._status(board, text, fresh, now);
    const value = this._object(board, topic, text, now);
    if (!value) return;
    if (kind === "event") this._event(board, rest.join("/"), value, now);
    else if (kind === "info") this._rebooted(board, board.takeInfo(value, now), value, now);
    else this._state(board, value, fresh, now);
  }

  /** The connection is there (a moment) or gone (null). */
  connected(now) {
    this.connectedAt = now;
    for (const id of this.boards.keys()) this.changed.add(id);
  }

  /** Take in what this browser kept of boards, a Map of id -> record. */
  adopt(kept, now) {
    this.kept = kept;
    for (const board of this.boards.values()) this._adopt(board, now);
  }

  _adopt(board, now) {
    if (!this.kept.has(board.id)) return;
    board.adopt(this.kept.get(board.id), now);
    this.kept.delete(board.id);
    this.changed.add(board.id);
  }

  _board(id) {
    let board = this.boards.get(id);
    if (!board && this.boards.size < MOST_BOARDS) {
      board = new Board(id);
      this.boards.set(id, board);
      this._adopt(board, Date.now());
    } else if (!board) {
      this.turnedAway += 1;
    }
    return board;
  }

  /** Its retained status was cleared: its owner has taken it away. */
  _forget(id) {
    this.kept.delete(id);
    this.forgotten.add(id);
    if (this.boards.delete(id)) this.changed.add(id);
  }

  _object(board, topic, text, now) {
    let why = "not a JSON object";
    try {
      const value = JSON.parse(text);
      if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
    } catch (error) {
      why = error.message;
    }
    this._note(board, "unreadable", topic, `${why}: ${text}`, now);
    return null;
  }

  _status(board, text, fresh, now) {
    const first = board.status === null;
    if (!board.takeStatus(text, fresh, now) || (first && !fresh)) return;
    if (!board.online) this.transfers.lose(board.id, now);
    const level = board.online ? "good" : "bad";
    const what = board.online || text === "offline" ? text : "status";
    const detail = board.online ? "is connected" : text === "offline" ? "is gone" : text;
    this._say(board, { kind: "board", level, what, subject: board.name, detail }, now);
    this.news.push(`${visible(board.name, 60)} is ${visible(text, 20)}`);
  }

  _state(board, state, fresh, now) {
    const before = board.state;
    this._rebooted(board, board.takeState(state, fresh, now), board.section("board"), now);
    // A retained state is of an unknown moment; before the first, nobody knows what it was.
    if (!fresh || !Object.keys(before).length) return;
    this._rescue(board, before, now);
    this._update(board, sectionOf(before, "update").phase, now);
  }

  /** Rescue mode that began or ended with this state. */
  _rescue(board, before, now) {
    if (Boolean(before.rescue) === Boolean(board.state.rescue)) return;
    const { reason } = board.section("rescue");
    const begun = Boolean(board.state.rescue);
    const detail = begun ? `begins: ${visible(reason, 120)}` : "has ended";
    if (begun) board.history.mark(now, "rescue", reason);
    this._say(board, { kind: "board", level: begun ? "bad" : "good", what: "rescue mode", subject: board.name, detail }, now);
    this.news.push(`${visible(board.name, 60)}: rescue mode ${begun ? "begins" : "has ended"}`);
  }

  /** A phase of an update that began with this state. The board's own events tell of the others. */
  _update(board, before, now) {
    const { phase, to, reason } = board.section("update");
    if (phase === before || !["trial", "confirmed", "rolled-back"].includes(phase)) return;
    board.history.mark(now, phase, [to, reason].filter(Boolean).map((text) => visible(text, 120)).join(": "));
    this.news.push(`${visible(board.name, 60)}: update ${phase}`);
    if (phase !== "trial") return;
    this._say(board, { kind: "update", level: "warn", what: "trial", subject: to, detail: "runs until it is confirmed or rolled back" }, now);
  }

  _rebooted(board, boots, section, now) {
    if (!boots) return;
    this.transfers.lose(board.id, now);
    const { reset_cause: cause = "unknown" } = section;
    const end = endText(section);
    const detail = `boot ${board.boots}, cause: ${cause}${end && `, ${end}`}`;
    const level = cause === "watchdog" ? "bad" : "warn";
    this._say(board, { kind: "board", level, what: "boot", subject: board.name, detail }, now);
  }

  _event(board, topic, event, now) {
    const away = board.eventAt === null || board.eventAt < (this.connectedAt ?? 0);
    const place = board.takeSeq(event.seq, event.boot, now, away);
    if (place.again) return;
    if (place.from) this._gap(board, place, away, now);
    if (topic === "ftp/transfer") this.transfers.take(board.id, event, now);
    if (topic === "service/restart") board.takeRestart(now);
    // Once a second for each transfer: they are shown where the transfers are.
    if (topic === "ftp/transfer" && event.event_type === "progress") return;
    const boot = finite(event.boot);
    const earlier = boot > 0 && board.boots > boot ? `, in boot ${boot}` : "";
    const entry = described(topic, event);
    if (earlier) entry.detail = `${entry.detail}${earlier}`;
    this._say(board, { ...entry, time: moment(event.time) }, now);
  }

  _gap(board, { from, to }, away, now) {
    const seqs = from === to ? `seq ${from}` : `seq ${from} to ${to}`;
    const why = away ? "while this page was not connected" : "the board dropped them, or the way did";
    this._note(board, "missed", `${counted(to - from + 1, "event")}`, `${seqs}: ${why}`, now);
  }

  _note(board, what, subject, detail, now) {
    this._say(board, { kind: "note", level: "warn", what, subject, detail }, now);
  }

  _say(board, entry, now) {
    this.feed.add({ time: null, ...entry, board: board.id, name: board.name, at: now });
  }
}
