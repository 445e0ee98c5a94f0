"use strict";
// The details of one board: what it says of itself beyond the table, its history, its services.

const SHOWN_BY_TABLE = new Set(["board", "heap", "flash", "rescue"]);

/** The details of one board: facts, plots, services. Made anew only where something changed. */
class Details {
  constructor() {
    this._facts = element("dl", { className: "facts" });
    this._plots = new PlotsView();
    this._services = element("div", { className: "services" });
    this._commands = new CommandsView((id, word) => App.command(id, word));
    this.nodes = [this._facts, this._commands.node, this._plots.node, this._services];
  }

  show(board, now) {
    const facts = detailFacts(board);
    this._plots.show(board.history, now);
    this._commands.show(board);
    const key = JSON.stringify([facts, board.state]);
    if (this._key === key) return;
    this._key = key;
    this._facts.replaceChildren(...facts.map(([term, text]) => {
      return element("div", {}, element("dt", {}, term), element("dd", {}, named(text)));
    }));
    const names = Object.keys(board.state).filter((name) => !SHOWN_BY_TABLE.has(name)).sort();
    const opened = [...this._services.querySelectorAll("details[open]")];
    const open = new Set(opened.map((one) => one.dataset.service));
    this._services.replaceChildren(...names.map((name) => serviceNode(board, name, open)));
  }

  /** Let go of it: it is closed, or the board is gone. */
  close() {
    this._plots.close();
    this._commands.close();
  }
}

/** [term, text] of what matters and is known. */
function detailFacts(board) {
  const { firmware, boots, id, version, outpost, application } = { ...board.info, ...board.section("board") };
  const { address, drops } = board.section("network");
  const { longest_stall_ms: stall, by } = board.section("loop");
  const ftp = board.section("ftp");
  const update = board.section("update");
  const rescue = board.section("rescue");
  const time = board.section("time");
  const facts = [
    ["Id", id ?? board.id],
    ["Firmware", firmware],
    ["Address", address ?? board.info.address],
    ["Last reset", board.resetReason && `${board.resetReason}${finite(boots) === null ? "" : `, boot ${boots}`}`],
    ["Outpost", outpost],
    ["Application", application],
    ["Last update", version !== outpost && version],
    ["Rescue mode", rescue.reason && [rescue.reason, finite(rescue.retry_s) && `a normal boot after ${spanText(rescue.retry_s)}`].filter(Boolean).join("; ")],
    ["Update", update.phase && update.phase !== "idle" && [update.phase, update.to && `to ${update.to}`, update.reason].filter(Boolean).join(", ")],
    ["Moved", finite(ftp.stored_bytes) !== null && `${bytesText(ftp.stored_bytes)} in, ${bytesText(ftp.sent_bytes)} out, ${counted(ftp.failed, "failure")}`],
    ["Sessions", finite(ftp.sessions) !== null && String(ftp.sessions)],
    ["Link drops", finite(drops) !== null && String(drops)],
    ["Longest stall", finite(stall) !== null && `${msText(stall)}${by ? ` in ${by}` : ""}`],
    ["Last sync", time.last_sync && `${time.last_sync} from ${time.source}`],
    ["State every", spanText(board.interval)],
    ["Configuration", board.section("config").problems],
    ["Last crash", board.section("log").last_crash],
  ];
  return facts.filter(([, text]) => text);
}

/** One section of the state as something to open: its name, how it is, and all its values. */
function serviceNode(board, name, open) {
  const section = board.section(name);
  const { state, restarts, error, problem } = section;
  const level = state === "failed" || state === "waiting" ? "bad" : "";
  const said = [state, finite(restarts) > 0 && counted(restarts, "restart"), error ?? problem];
  const rows = Object.keys(section).sort().flatMap((key) => [
    element("dt", {}, visible(key, 60)),
    element("dd", {}, named(section[key] === null ? "–" : section[key])),
  ]);
  return element(
    "details",
    { "data-service": name, "data-level": level, open: open.has(name) },
    element("summary", {}, element("b", {}, visible(name, 40)), " ", visible(said.filter(Boolean).join(", "), 160)),
    element("dl", {}, ...rows),
  );
}
