"use strict";
// The details of one board: what it says of itself beyond the table, service by service.

const SHOWN_BY_TABLE = new Set(["board", "heap", "flash", "rescue"]);

/** Fill parent with the details of board. Made anew only where something changed. */
function showDetails(parent, board, now) {
  const facts = detailFacts(board);
  const services = Object.keys(board.state).filter((name) => !SHOWN_BY_TABLE.has(name)).sort();
  const key = JSON.stringify([facts, board.state]);
  if (parent.shownKey === key) return;
  parent.shownKey = key;
  const open = new Set([...parent.querySelectorAll("details[open]")].map((one) => one.dataset.service));
  parent.replaceChildren(
    element("dl", { className: "facts" }, ...facts.map(([term, text]) => {
      return element("div", {}, element("dt", {}, term), element("dd", {}, named(text)));
    })),
    element("div", { className: "services" }, ...services.map((name) => serviceNode(board, name, open))),
  );
}

/** [term, text] of what matters and is known. */
function detailFacts(board) {
  const { firmware, reset_cause: cause, boots, id } = { ...board.info, ...board.section("board") };
  const { address, drops } = board.section("network");
  const { longest_stall_ms: stall, by } = board.section("loop");
  const ftp = board.section("ftp");
  const update = board.section("update");
  const time = board.section("time");
  const facts = [
    ["Id", id ?? board.id],
    ["Firmware", firmware],
    ["Address", address ?? board.info.address],
    ["Last reset", cause && `${cause}${finite(boots) === null ? "" : `, boot ${boots}`}`],
    ["Hung in", board.section("board").hung_in],
    ["Rescue mode", board.section("rescue").reason],
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
