"use strict";
// The feed of events: newest first, at most 500 rows, filtered, held on demand.

const MOST_ROWS = 500;

/** One entry of the feed as a row. */
function feedRow(entry, now) {
  const at = entry.time ?? entry.at;
  const time = element("time", {
    dateTime: new Date(at).toISOString(),
    title: entry.time === null ? "when it came here: the board told no time" : `${new Date(at).toISOString()}, by the board's clock`,
    className: entry.time === null ? "arrival" : "",
  }, momentText(at, now));
  const subject = [named(entry.subject, "name subject")];
  if (entry.to !== undefined) subject.push(" → ", named(entry.to, "name subject"));
  const row = element(
    "li",
    { "data-kind": entry.kind, "data-level": entry.level, "data-number": String(entry.number) },
    time,
    element("span", { className: "what" }, visible(entry.what, 30)),
    element("span", { className: "said" }, ...subject),
    named(entry.name, "name board"),
    element("span", { className: "detail" }, visible(entry.detail)),
  );
  if (entry.more) {
    const more = element("pre", { tabIndex: 0 }, visibleLines(entry.more));
    row.append(element("details", {}, element("summary", {}, "all of it"), more));
  }
  return row;
}

class FeedView {
  constructor() {
    this._list = byId("feed-rows");
    this._form = byId("feed-filter");
    this._pause = byId("feed-pause");
    this._filter = { board: "", kind: "", text: "" };
    this._fleet = null;
    this._shown = 0; // the newest entry's number among those already looked at
    this._held = false;
    this._boards = "";
    const kinds = [["", "All events"], ["bad", "Failures alone"], ...Object.entries(KINDS)];
    this._form.kind.append(...kinds.map(([value, text]) => element("option", { value }, text)));
    this._form.addEventListener("input", () => this._refilter());
    this._form.addEventListener("submit", (event) => event.preventDefault());
    this._pause.addEventListener("click", () => {
      this._held = !this._held;
      this.render(Date.now());
    });
  }

  /** Show another fleet's events. */
  reset(fleet) {
    this._fleet = fleet;
    this._list.replaceChildren();
    this._shown = 0;
    this._boards = "";
  }

  _refilter() {
    const { board, kind, text } = this._form;
    this._filter = { board: board.value, kind: kind.value, text: text.value.trim().toLowerCase() };
    this._list.replaceChildren();
    this._shown = 0;
    this.render(Date.now(), true);
  }

  /** Add what is new since the last time. anew: the filter changed, so held ones come too. */
  render(now, anew = false) {
    const { feed } = this._fleet;
    const waiting = feed.count - this._shown;
    setAttribute(this._pause, "aria-pressed", String(this._held));
    setText(this._pause, this._held && waiting ? `Held, ${waiting} new` : this._held ? "Held" : "Hold");
    if (waiting && (!this._held || anew)) {
      // However many came since the last frame: no more rows are made than are shown.
      const entries = feed.newest(this._filter, MOST_ROWS, this._shown);
      this._shown = feed.count;
      const rows = document.createDocumentFragment();
      for (const entry of entries) rows.append(feedRow(entry, now));
      while (this._list.children.length > MOST_ROWS - entries.length) this._list.lastElementChild.remove();
      this._list.prepend(rows);
    }
    const number = this._list.children.length;
    setText(byId("feed-count"), number ? `${number}${number === MOST_ROWS ? ", the newest" : ""}` : "");
    setProperty(byId("feed-empty"), "hidden", number > 0);
    const filtered = Object.values(this._filter).some(Boolean);
    setText(byId("feed-empty"), filtered ? "No event is like that." : "Nothing has happened since this page was opened.");
    this._offerBoards();
  }

  /** The filter's list of boards, by name. */
  _offerBoards() {
    const boards = [...this._fleet.boards.values()].map(({ id, name }) => [id, visible(name, 40)]);
    boards.sort(([, a], [, b]) => a.localeCompare(b, [], { numeric: true }));
    const key = JSON.stringify(boards);
    if (key === this._boards) return;
    this._boards = key;
    const select = this._form.board;
    const chosen = select.value;
    const options = boards.map(([value, text]) => element("option", { value }, text));
    select.replaceChildren(element("option", { value: "" }, "All boards"), ...options);
    select.value = boards.some(([id]) => id === chosen) ? chosen : "";
    if (select.value !== chosen) this._refilter();
  }
}
