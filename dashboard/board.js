"use strict";
// Board: what is known of one board from its messages. Nothing of the page is in here.

const LATE_AFTER = 2.5; // times its own interval without a state
const USUAL_INTERVAL_S = 60; // telemetry.every_s, where a board doesn't tell its own
const OFTEN = 3; // restarts in an hour are too often
const HOUR_MS = 3_600_000;
const RECENT = 256; // events remembered by their seq: a board sends at most a batch of 8 again

class Board {
  /** id: of its topics. All times are milliseconds as Date.now() has them. */
  constructor(id) {
    this.id = id;
    this.status = null; // online, offline, or null: never said
    this.statusAt = null; // when it changed before our eyes
    this.info = {};
    this.state = {};
    this.stateAt = null; // when the last state came fresh; null: there is a retained one at most
    this.eventAt = null; // when the last event came
    this.history = new BoardHistory();
    this.missed = 0; // events lost, by the gaps in seq
    this.boots = null; // how often it has booted, by info or state
    this._boot = null; // which the awaited seq belongs to; null: the board doesn't tell
    this._awaited = null; // seq; null: any will do
    this._recent = new Set();
    this._restarts = []; // moments of the last hour
  }

  /** A section of the state; {} where there is none. */
  section(name) {
    return sectionOf(this.state, name);
  }

  get name() {
    const name = this.section("board").name ?? this.info.board;
    return typeof name === "string" && name ? name : this.id;
  }

  /** What it runs, Outpost and the application: "0.2.0 + weather-3"; null where it is unknown. */
  get version() {
    // A board before 0.2.0 tells the version of the last update alone.
    const { outpost, application, version } = { ...this.info, ...this.section("board") };
    return [outpost, application].filter(Boolean).join(" + ") || (version ?? null);
  }

  get online() {
    return this.status === "online";
  }

  /** Take a status in; return true where it changed. */
  takeStatus(text, fresh, now) {
    if (text === this.status) return false;
    if (this.status !== null || fresh) this.statusAt = now;
    this.status = text;
    this.history.away(text === "offline", this.statusAt === now ? now : null);
    return true;
  }

  /** Take info in; return how often the board booted since we last heard of that, or 0. */
  takeInfo(info, now) {
    this.info = info;
    return this._booted(finite(info.boots), now);
  }

  /** Take a state in; return the boots since, as takeInfo. */
  takeState(state, fresh, now) {
    this.state = state;
    // A retained state is of an unknown moment: it may be the one we had.
    if (fresh) {
      this.stateAt = now;
      this.history.take(this, now);
    }
    return this._booted(finite(this.section("board").boots), now);
  }

  /** Take in what this browser kept of it; see BoardHistory.adopt(). */
  adopt(record, now) {
    this.history.adopt(record, now, this);
    if (this.online) this.history.offlineAt = null;
  }

  /** Since when it is offline, for people; since: when we began to listen. "" where it is not. */
  offlineSince(now, since) {
    if (this.status !== "offline") return "";
    const { offlineAt, heardAt } = this.history;
    if (offlineAt !== null) return `since ${momentText(offlineAt, now)}`;
    if (heardAt !== null) return `heard last ${momentText(heardAt, now)}`;
    return since === null ? "" : `since before ${momentText(since, now)}`;
  }

  /** Why it booted last, for people; "" where it doesn't tell. */
  get resetReason() {
    const told = { ...this.info, ...this.section("board") };
    if (!told.reset_cause) return "";
    const end = endText(told);
    return visible(told.reset_cause, 20) + (end && `${told.hung_in ? "," : ":"} ${end}`);
  }

  _booted(boots, now) {
    const before = this.boots;
    this.boots = boots ?? before;
    if (before === null || boots === null || boots <= before) return 0;
    if (this._boot === null) {
      // Its events don't name their boot, so their numbers would look as if they came again.
      this._recent.clear();
      this._awaited = 1;
    }
    this._restarts.push(now);
    return boots - before;
  }

  /**
   * Take an event's seq in; return {again: true} for one that came before, {from, to} where
   * events before it are missing, {} else. boot: of the event, where the board tells it. away:
   * whether we were not connected since the event before; then no gap is the board's.
   */
  takeSeq(seq, boot, now, away = false) {
    this.eventAt = now;
    if (!Number.isSafeInteger(seq) || seq < 1) return {};
    const told = Number.isSafeInteger(boot) && boot > 0;
    if (this._remember(`${told ? boot : ""}:${seq}`)) return { again: true };
    if (told && this._boot !== null && boot < this._boot) return {}; // spilt before a reset
    if (told && boot !== this._boot) {
      this._awaited = this._boot === null ? null : 1; // seq begins at 1 with each boot
      this._boot = boot;
    } else if (this._awaited !== null && seq < this._awaited) {
      if (told) {
        this.missed = Math.max(0, this.missed - 1); // one of a gap, late
        return {};
      }
      this._awaited = null; // it started again and doesn't number its boots
    }
    const awaited = this._awaited ?? seq;
    this._awaited = seq + 1;
    if (seq <= awaited) return {};
    if (!away) this.missed += seq - awaited;
    return { from: awaited, to: seq - 1 };
  }

  /** Whether this seq was seen already; now it is. */
  _remember(key) {
    if (this._recent.has(key)) return true;
    this._recent.add(key);
    // A Set keeps its order: the first is the oldest.
    if (this._recent.size > RECENT) this._recent.delete(this._recent.values().next().value);
    return false;
  }

  /** A service of it was started again. */
  takeRestart(now) {
    this._restarts.push(now);
    if (this._restarts.length > RECENT) this._restarts.shift();
  }

  /** Seconds between two states, by its own word. */
  get interval() {
    const told = finite(this.section("telemetry").every_s);
    return told > 0 ? told : USUAL_INTERVAL_S;
  }

  /** By how many seconds its state is late, 0 where it isn't. since: when we began to listen. */
  late(now, since) {
    if (!this.online || since === null) return 0;
    const waited = (now - Math.max(this.stateAt ?? 0, this.statusAt ?? 0, since)) / 1000;
    return waited > LATE_AFTER * this.interval ? waited - this.interval : 0;
  }

  /** Its uptime in seconds and whether that is only a least one; null where nothing tells. */
  uptime(now) {
    // A retained state is of an unknown moment; info says when the board started, by its clock.
    const started = moment(this.info.started);
    if (this.stateAt === null && this.online && started !== null && started <= now) {
      return { seconds: (now - started) / 1000, atLeast: false };
    }
    const told = finite(this.section("board").uptime_s);
    if (told === null) return null;
    if (this.stateAt === null || !this.online) return { seconds: told, atLeast: true };
    return { seconds: told + (now - this.stateAt) / 1000, atLeast: false };
  }

  /** Service restarts since its boot, all services together. */
  get restarts() {
    return Object.keys(this.state).reduce((sum, name) => {
      return sum + (finite(this.section(name).restarts) ?? 0);
    }, 0);
  }

  /** How many restarts of services and resets the last hour saw where those are too many, or 0. */
  restartsTooOften(now) {
    while (this._restarts.length && this._restarts[0] < now - HOUR_MS) this._restarts.shift();
    if (this._restarts.length >= OFTEN) return this._restarts.length;
    // What happened before we came: so many since a boot that is not old.
    const uptime = this.uptime(now);
    const young = uptime !== null && uptime.seconds < HOUR_MS / 1000;
    return young && this.restarts >= OFTEN ? this.restarts : 0;
  }

  /** Names of services that failed or wait to be started again. */
  get troubled() {
    return Object.keys(this.state).filter((name) => {
      return ["failed", "waiting"].includes(this.section(name).state);
    });
  }

  /** Names of services that run, and say what is wrong: the details tell it. */
  get worried() {
    return Object.keys(this.state).filter((name) => {
      return this.section(name).problem && !this.troubled.includes(name);
    });
  }

  /** What its owner should look at, the worst first: [{level: "bad" or "warn", text}]. */
  concerns(now, since) {
    const found = [];
    const add = (level, text) => found.push({ level, text });
    const update = this.section("update");
    if (this.status === "offline") add("bad", "offline");
    else if (this.status !== "online") add("warn", "never said it is online");
    if (this.state.rescue) add("bad", `rescue mode: ${visible(this.section("rescue").reason, 80)}`);
    const late = this.late(now, since);
    if (late) add("bad", `late by ${spanText(late)}`);
    for (const name of this.troubled) add("bad", `${visible(name, 40)} ${this.section(name).state}`);
    const often = this.restartsTooOften(now);
    if (often) add("bad", `${often} restarts in an hour`);
    if (update.phase === "rolled-back") add("bad", `update to ${visible(update.to, 40)} taken back`);
    if (update.phase === "trial") add("warn", `update to ${visible(update.to, 40)} on trial`);
    if (this._bitten(now)) add("warn", `reset by its ${this.resetReason}`);
    if (this.section("time").set === false) add("warn", "clock not set");
    for (const name of this.worried) add("warn", `${visible(name, 40)} names a problem`);
    if (this.section("config").problems) add("warn", "config.json has faults");
    if (scarce(this.section("heap"))) add("warn", "heap nearly full");
    if (scarce(this.section("flash"))) add("warn", "flash nearly full");
    if (this.missed) add("warn", `${counted(this.missed, "event")} missed`);
    return found;
  }

  /** Whether its watchdog reset it within the last hour. */
  _bitten(now) {
    const uptime = this.uptime(now);
    const young = uptime !== null && uptime.seconds < HOUR_MS / 1000;
    return young && ({ ...this.info, ...this.section("board") }).reset_cause === "watchdog";
  }
}

/** A section of a state; {} where there is none. */
function sectionOf(state, name) {
  const section = state[name];
  return section !== null && typeof section === "object" ? section : {};
}

/** Whether less than a twentieth of a section's bytes is free. */
function scarce(section) {
  const free = finite(section.free_bytes);
  const total = finite(section.total_bytes);
  return free !== null && total > 0 && free / total < 0.05;
}
