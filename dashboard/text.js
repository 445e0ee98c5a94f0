"use strict";
// Values from boards as a person may read them. Whatever a message holds, these give text.

// What shows nothing or turns the text around it: control characters, bidi controls and
// zero-width characters (Cf), line separators, halves of surrogate pairs, what no font has. A
// file's name may hold them all, and could so pass for another name.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const LONGEST_TEXT = 300; // characters of one value on the page

/** Any value as text on which hidden characters are seen, as ‹U+202E›; long text is cut. */
function visible(value, longest = LONGEST_TEXT) {
  if (value === null || value === undefined) return "";
  let text = typeof value === "object" ? JSON.stringify(value) : String(value);
  // By code points: half a character would be shown as a hidden one.
  if (text.length > longest) text = [...text.slice(0, 2 * longest)].slice(0, longest).join("") + "…";
  return text.replace(HIDDEN, (char) => {
    return `‹U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;
  });
}

/** Text of several lines, such as a traceback: line ends stay, all else is made visible. */
function visibleLines(value, longest = 4000) {
  const text = typeof value === "string" ? value : visible(value);
  return text.slice(0, longest).split(/\r?\n/).map((line) => visible(line, longest)).join("\n");
}

/** A finite number, or null for anything else. */
function finite(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Bytes as 512 B, 4.0 KiB, 31 MiB; "" where there is no number. */
function bytesText(bytes) {
  let value = finite(bytes);
  if (value === null) return "";
  if (value < 1024) return `${Math.round(value)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let unit = -1;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Bytes a second, where bytes took ms; "" for what was too short to tell. */
function rateText(bytes, ms) {
  return finite(bytes) !== null && ms >= 50 ? `${bytesText((bytes * 1000) / ms)}/s` : "";
}

/** Seconds as the two largest units: 12 s, 4 min, 3 h 12 min, 5 d 3 h. */
function spanText(seconds) {
  const s = Math.floor(finite(seconds) ?? NaN);
  if (!(s >= 0)) return "";
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 24) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
  const d = Math.floor(h / 24);
  return h % 24 ? `${d} d ${h % 24} h` : `${d} d`;
}

/** Milliseconds as 8 ms, 1.4 s, 3 min. */
function msText(ms) {
  const value = finite(ms);
  if (value === null) return "";
  if (Math.abs(value) < 1000) return `${Math.round(value)} ms`;
  if (Math.abs(value) < 60_000) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 0 ? "−" : ""}${spanText(Math.abs(value) / 1000)}`;
}

/** By what a board's last life ended, of its section `board`; "" where it doesn't tell. */
function endText({ hung_in: hung, failure }) {
  return hung ? `${visible(hung, 60)} held the loop` : visible(failure || "", 100);
}

/** "1 board", "3 boards". */
function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });

/** A board's time text as milliseconds, or null where it is none. */
function moment(text) {
  const ms = typeof text === "string" && ISO_UTC.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** Milliseconds as local time, with the day where that isn't today. */
function momentText(ms, now) {
  const date = new Date(ms);
  const today = date.toDateString() === new Date(now).toDateString();
  return today ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`;
}
