"use strict";
// The table of boards: a row each, sorted, filtered; a row opens to its details.

const FIRST_SYNC_MS = 600_000; // no clock drifts ten minutes between two syncs

/** A bar that shows how much of something is used, with what is left in words. */
class Meter {
  constructor() {
    this._fill = element("i");
    this._text = element("span");
    this.node = element("div", { className: "meter" }, element("s", { "aria-hidden": "true" }, this._fill), this._text);
  }

  show(section) {
    const free = finite(section.free_bytes);
    const total = finite(section.total_bytes);
    const known = free !== null && total > 0;
    const used = known ? Math.min(1, Math.max(0, 1 - free / total)) : 0;
    setText(this._text, known ? `${bytesText(free)} free` : "–");
    setProperty(this.node, "title", known ? `${Math.round(used * 100)} % of ${bytesText(total)} used` : "");
    const width = `${Math.round(used * 100)}%`;
    if (this._fill.style.width !== width) this._fill.style.width = width;
    setAttribute(this.node, "data-level", used > 0.95 ? "bad" : used > 0.85 ? "warn" : "");
  }
}

/** The row of one board, and the row below it that its name opens. */
class BoardRow {
  constructor(id, onToggle) {
    this.open = false;
    this._name = named("");
    this._button = element("button", { type: "button", className: "plain", "aria-expanded": "false" }, this._name);
    this._button.addEventListener("click", () => {
      this.open = !this.open;
      if (!this.open) this.close();
      setAttribute(this._button, "aria-expanded", String(this.open));
      onToggle();
    });
    this._id = element("small", {}, visible(id, 40));
    this._status = element("span", { className: "presence" });
    this._since = element("small", { className: "since" });
    this._concerns = element("span", { className: "concerns" });
    this._heap = new Meter();
    this._flash = new Meter();
    this._cells = {};
    const content = {
      name: [this._button, this._id],
      status: [this._status, this._since, this._concerns],
      heap: [this._heap.node],
      flash: [this._flash.node],
    };
    this.node = element("tr", { role: "row", "data-board": visible(id, 100) });
    for (const { key, label } of COLUMNS) {
      const cell = element("td", { role: "cell", className: key, "data-label": label }, ...(content[key] ?? []));
      this._cells[key] = cell;
      this.node.append(cell);
    }
    this._details = null;
    this._detailsCell = element("td", { role: "cell", colSpan: COLUMNS.length });
    this.detailsNode = element("tr", { role: "row", className: "details" }, this._detailsCell);
  }

  /** Let go of the details. */
  close() {
    this._details?.close();
    this._details = null;
    this._detailsCell.replaceChildren();
  }

  /**
   * Show what is known of the board now. concerns: as Board.concerns() gives them. since: when we
   * began to listen.
   */
  show(board, concerns, now, since) {
    setText(this._name, visible(board.name, 60));
    setAttribute(this.node, "data-level", concerns[0]?.level ?? "");
    const status = board.online ? "online" : board.status === "offline" ? "offline" : "unknown";
    setAttribute(this.node, "data-status", status);
    setText(this._status, status);
    setText(this._since, board.offlineSince(now, since));
    this._showConcerns(concerns.filter(({ text }) => text !== "offline"));
    setText(this._cells.version, visible(board.version, 80) || "–");
    this._showUptime(board, now);
    this._showClock(board);
    this._heap.show(board.section("heap"));
    this._flash.show(board.section("flash"));
    const rssi = finite(board.section("network").rssi);
    setText(this._cells.rssi, rssi === null ? "–" : `${rssi} dBm`);
    setText(this._cells.restarts, String(board.restarts));
    const boots = board.boots;
    setProperty(this._cells.restarts, "title", boots === null ? "" : `boot ${boots}`);
    const heard = board.stateAt === null ? "–" : `${spanText((now - board.stateAt) / 1000)} ago`;
    setText(this._cells.heard, heard);
    if (this.open) this._showDetails(board, now);
  }

  _showDetails(board, now) {
    if (!this._details) {
      this._details = new Details();
      this._detailsCell.replaceChildren(...this._details.nodes);
    }
    this._details.show(board, now);
  }

  _showConcerns(concerns) {
    const key = JSON.stringify(concerns);
    if (key === this._shown) return;
    this._shown = key;
    this._concerns.replaceChildren(
      ...concerns.map(({ level, text }) => element("span", { className: "badge", "data-level": level }, text)),
    );
  }

  _showUptime(board, now) {
    const uptime = board.uptime(now);
    const text = uptime === null || !board.online ? "–" : spanText(uptime.seconds);
    const least = board.online && uptime?.atLeast;
    setText(this._cells.uptime, least ? `≥ ${text}` : text);
    setProperty(this._cells.uptime, "title", least ? "by its last state, of unknown age; the next will tell" : "");
  }

  _showClock(board) {
    const { set, offset_ms: offset } = board.section("time");
    const text = set === true ? "set" : set === false ? "not set" : "–";
    const moved = finite(offset) === null ? "" : `${offset > 0 ? "+" : ""}${msText(offset)}`;
    // The first sync after a power cut moves it by decades, which says nothing of the clock.
    const small = set === true && Math.abs(offset) < FIRST_SYNC_MS;
    setText(this._cells.clock, moved && small ? `${text}, ${moved}` : text);
    setProperty(this._cells.clock, "title", moved ? `the last sync moved it by ${moved}` : "");
  }
}

// In the table's order; by: what a column sorts by, biggest first where descending.
const COLUMNS = [
  { key: "name", label: "Board" },
  { key: "status", label: "State" },
  { key: "version", label: "Versions", by: (board) => visible(board.version) },
  { key: "uptime", label: "Up", by: (board, now) => (board.online ? board.uptime(now)?.seconds : null) ?? -1 },
  { key: "clock", label: "Clock", by: (board) => Math.abs(finite(board.section("time").offset_ms) ?? 1e12) },
  { key: "heap", label: "Heap", by: (board) => finite(board.section("heap").free_bytes) ?? -1 },
  { key: "flash", label: "Flash", by: (board) => finite(board.section("flash").free_bytes) ?? -1 },
  { key: "rssi", label: "Signal", by: (board) => finite(board.section("network").rssi) ?? 1 },
  { key: "restarts", label: "Restarts", by: (board) => -board.restarts },
  { key: "heard", label: "Heard", by: (board) => board.stateAt ?? 0 },
];
const WORST_FIRST = { bad: 0, warn: 1 };

class BoardsView {
  constructor() {
    this._rows = new Map(); // board's id -> BoardRow
    this._concerns = new Map();
    this._body = byId("boards-rows");
    this._empty = byId("boards-empty");
    this._sort = { key: "status", down: false };
    this._show = "all";
    this._text = "";
    this._fleet = null;
    this._makeHead();
    for (const chip of document.querySelectorAll("#boards .chips button")) {
      chip.addEventListener("click", () => {
        this._show = chip.dataset.show;
        this._arrange(Date.now());
      });
    }
    byId("boards-search").addEventListener("input", (event) => {
      this._text = event.target.value.trim().toLowerCase();
      this._arrange(Date.now());
    });
  }

  _makeHead() {
    for (const { key, label } of COLUMNS) {
      const button = element("button", { type: "button", className: "plain" }, label);
      button.addEventListener("click", () => {
        const down = this._sort.key === key && !this._sort.down;
        this._sort = { key, down };
        this._arrange(Date.now());
      });
      byId("boards-head").append(element("th", { role: "columnheader", scope: "col", className: key }, button));
    }
  }

  /** Show another fleet: all rows go. */
  reset(fleet) {
    this._fleet = fleet;
    for (const row of this._rows.values()) row.close();
    this._rows.clear();
    this._concerns.clear();
  }

  /** Show boards again; ids: those that changed, or null for all (time passes). */
  render(ids, now) {
    for (const id of ids ?? this._fleet.boards.keys()) {
      const board = this._fleet.boards.get(id);
      if (!board) {
        this._rows.get(id)?.close();
        this._rows.delete(id);
        this._concerns.delete(id);
        continue;
      }
      const concerns = board.concerns(now, this._fleet.connectedAt);
      this._concerns.set(id, concerns);
      this._row(id).show(board, concerns, now, this._fleet.connectedAt);
    }
    this._arrange(now);
  }

  _row(id) {
    if (!this._rows.has(id)) {
      this._rows.set(id, new BoardRow(id, () => this.render([id], Date.now())));
    }
    return this._rows.get(id);
  }

  /** How many boards are in each of the groups that the chips name. */
  counts(now) {
    const counts = { all: 0, online: 0, offline: 0, late: 0, attention: 0 };
    for (const [id, board] of this._fleet.boards) {
      for (const group of this._groups(id, board, now)) counts[group] += 1;
    }
    return counts;
  }

  _groups(id, board, now) {
    const groups = ["all", board.online ? "online" : "offline"];
    if (board.late(now, this._fleet.connectedAt)) groups.push("late");
    if (this._concerns.get(id)?.some(({ level }) => level === "bad")) groups.push("attention");
    return groups;
  }

  _arrange(now) {
    const counts = this.counts(now);
    for (const chip of document.querySelectorAll("#boards .chips button")) {
      setText(chip.querySelector("b"), String(counts[chip.dataset.show]));
      setAttribute(chip, "aria-pressed", String(chip.dataset.show === this._show));
    }
    for (const head of byId("boards-head").children) {
      const sorted = head.className === this._sort.key;
      setAttribute(head, "aria-sort", !sorted ? "none" : this._sort.down ? "descending" : "ascending");
    }
    const shown = [...this._fleet.boards].filter(([id, board]) => this._wanted(id, board, now));
    const order = this._order(now);
    shown.sort(([, a], [, b]) => order(a, b));
    const nodes = shown.flatMap(([id]) => {
      const row = this._rows.get(id);
      return row.open ? [row.node, row.detailsNode] : [row.node];
    });
    arrange(this._body, nodes);
    this._sayEmpty(shown.length);
  }

  _wanted(id, board, now) {
    if (!this._rows.has(id)) return false; // it came after the last frame; the next has it
    if (!this._groups(id, board, now).includes(this._show)) return false;
    if (!this._text) return true;
    const words = [board.name, id, board.version, board.info.address, board.info.firmware];
    return words.map((word) => visible(word)).join(" ").toLowerCase().includes(this._text);
  }

  _order(now) {
    const { key, down } = this._sort;
    const by = COLUMNS.find((column) => column.key === key).by;
    const level = (board) => WORST_FIRST[this._concerns.get(board.id)?.[0]?.level] ?? 2;
    const value = key === "status" ? level : key === "name" ? () => 0 : by;
    return (a, b) => {
      const [x, y] = [value(a, now), value(b, now)];
      const order = typeof x === "string" ? x.localeCompare(y, [], { numeric: true }) : x - y;
      const names = a.name.localeCompare(b.name, [], { numeric: true }) || (a.id < b.id ? -1 : 1);
      return (order || names) * (down ? -1 : 1);
    };
  }

  _sayEmpty(shown) {
    const { boards, prefix, connectedAt } = this._fleet;
    setProperty(this._empty, "hidden", shown > 0);
    let lines;
    if (boards.size) {
      lines = ["No board is like that."];
    } else if (connectedAt !== null) {
      lines = [
        `Connected, but nothing was ever said below ${visible(prefix)}. Tell a board its broker in config.json:`,
        element("pre", {}, '"telemetry": {"broker": "mqtt://user:secret@broker-host:1883"}'),
        "A topic other than outpost must stand in the connection's settings too.",
      ];
    } else {
      lines = ["Boards appear here as soon as the broker answers. It needs a WebSocket listener; mosquitto's is",
        element("pre", {}, "listener 9001\nprotocol websockets")];
    }
    const key = `${boards.size > 0} ${connectedAt !== null}`;
    if (this._emptySaid === key) return;
    this._emptySaid = key;
    this._empty.replaceChildren(...lines.map((line) => (typeof line === "string" ? element("p", {}, line) : line)));
  }
}
