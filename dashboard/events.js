"use strict";
// Events in words: what the feed says of each, and how much it matters.

// What the filter offers.
const KINDS = {
  transfer: "Transfers",
  login: "Logins",
  service: "Restarts and crashes",
  update: "Updates",
  board: "Boards",
  note: "Notes of this page",
  other: "Others",
};

const TRANSFER_WORDS = { sent: "sent", stored: "stored", started: "started", progress: "progress" };
const COMMON = new Set(["seq", "boot", "time", "event_type"]);

/**
 * An event as the feed shows it: {kind, level, what, subject, detail, more}. level: "", "good",
 * "warn" or "bad"; subject: a file's name or who it is about; more: lines such as a traceback.
 */
function described(topic, event) {
  const type = typeof event.event_type === "string" ? event.event_type : topic.split("/").pop();
  const [family] = topic.split("/");
  if (topic === "ftp/transfer") return describedTransfer(type, event);
  if (topic === "ftp/login") return describedLogin(event);
  if (topic === "ftp/lockout") {
    const detail = `locked out for ${spanText(event.seconds)}`;
    return { kind: "login", level: "bad", what: "lockout", subject: event.address, detail };
  }
  if (topic === "service/restart") return describedRestart(event);
  if (topic === "task/crash") {
    const { task, error, traceback } = event;
    return { kind: "service", level: "bad", what: "crash", subject: task, detail: error, more: traceback };
  }
  if (family === "update") return describedUpdate(type, event);
  if (topic === "board/blackbox") return describedBlackBox(event);
  if (topic === "command/done") {
    const { command, ok, text, error } = event;
    const level = ok === false ? "bad" : "";
    return { kind: "board", level, what: "command", subject: command, detail: error ?? text };
  }
  return {
    kind: family === "board" ? "board" : "other",
    level: event.ok === false ? "bad" : "",
    what: type,
    subject: topic,
    detail: restOf(event),
  };
}

function describedTransfer(type, event) {
  const who = [event.user, event.address].filter(Boolean).join("@");
  const entry = { kind: "transfer", level: "", what: type, subject: event.path };
  if (type === "failed") {
    const how = event.verb === "RETR" ? "download" : "upload";
    const after = finite(event.bytes) === null ? "" : ` after ${bytesText(event.bytes)}`;
    const detail = `${how} of ${who}${after}: ${event.error ?? "no reason given"}`;
    return { ...entry, level: "bad", detail };
  }
  if (type === "renamed") return { ...entry, to: event.to, detail: `by ${who}` };
  if (type === "deleted") return { ...entry, level: "warn", detail: `by ${who}` };
  if (type === "started") {
    return { ...entry, detail: `${event.verb === "RETR" ? "to" : "by"} ${who}` };
  }
  if (type in TRANSFER_WORDS) {
    const facts = [bytesText(event.bytes), msText(event.ms), rateText(event.bytes, event.ms)];
    const detail = `${facts.filter(Boolean).join(" · ")} ${type === "sent" ? "to" : "by"} ${who}`;
    return { ...entry, level: "good", detail };
  }
  return { ...entry, detail: restOf(event) };
}

function describedLogin(event) {
  const subject = event.user ?? "unknown user";
  const from = `from ${event.address}`;
  if (event.ok === false) {
    const detail = `${from}: ${event.reason ?? "refused"}`;
    return { kind: "login", level: "bad", what: "refused", subject, detail };
  }
  return { kind: "login", level: "", what: "login", subject, detail: from };
}

function describedRestart(event) {
  const failures = finite(event.failures) > 1 ? `, failure ${event.failures} in a row` : "";
  const detail = `${event.error ?? "ended"}; again in ${spanText(event.delay_s)}${failures}`;
  const { service, traceback } = event;
  return { kind: "service", level: "bad", what: "restart", subject: service, detail, more: traceback };
}

function describedUpdate(type, event) {
  const from = event.from ? `from ${event.from}` : "";
  const detail = [from, event.reason].filter(Boolean).join(": ");
  const level = type === "confirmed" ? "good" : type === "rolled-back" ? "bad" : "";
  return { kind: "update", level, what: type, subject: event.version, detail };
}

function describedBlackBox(event) {
  const { cause, service, crash, log } = event;
  const detail = `an unclean reset${service ? ` in ${service}` : ""}`;
  const last = crash ? `last crash: ${visible(crash)}\n` : "";
  return { kind: "board", level: "bad", what: "black box", subject: cause, detail, more: last + visibleLines(log) };
}

/** The fields that nothing else has shown, as text. */
function restOf(event) {
  return Object.entries(event)
    .filter(([key]) => !COMMON.has(key))
    .map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(" ");
}
