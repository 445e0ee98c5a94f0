"use strict";
// The list of transfers: what moves just now, how much came and how fast.

const WORDS = { stored: "stored", sent: "sent", failed: "failed", lost: "lost" };

class TransferRow {
  constructor(transfer, boardName) {
    const down = transfer.verb === "RETR";
    this._amount = element("span", { className: "amount" });
    this._error = element("span", { className: "reason" });
    const who = [transfer.user, transfer.address].filter(Boolean).join("@");
    this.node = element(
      "li",
      {},
      element("span", { className: "way", title: down ? "download" : "upload" }, down ? "↓" : "↑",
        element("span", { className: "unseen" }, down ? " download " : " upload ")),
      named(transfer.path, "name path"),
      this._amount,
      element("span", { className: "who" }, named(boardName), " · ", named(who)),
      this._error,
      // Nobody says beforehand how long a file will be: the bar shows that it moves, not how far.
      element("s", { className: "track", "aria-hidden": "true" }, element("i")),
    );
  }

  show(transfer, now) {
    const silent = !transfer.end && now - transfer.heardAt > SILENT_MS;
    const state = transfer.end ?? (silent ? "silent" : "running");
    const rate = silent ? "" : transfer.rate;
    const news = silent ? `no news for ${spanText((now - transfer.heardAt) / 1000)}` : WORDS[transfer.end];
    setText(this._amount, [news, bytesText(transfer.bytes), rate].filter(Boolean).join(" · "));
    setText(this._error, transfer.error ? visible(transfer.error, 120) : "");
    setAttribute(this.node, "data-state", state);
  }
}

class TransfersView {
  constructor() {
    this._rows = new Map(); // transfer's id -> TransferRow
    this._list = byId("transfers-rows");
  }

  /** Show what the fleet knows of transfers. */
  render(fleet, now) {
    const all = fleet.transfers.inOrder;
    const ids = new Set(all.map(({ id }) => id));
    for (const id of this._rows.keys()) if (!ids.has(id)) this._rows.delete(id);
    for (const transfer of all) {
      if (!this._rows.has(transfer.id)) {
        const name = fleet.boards.get(transfer.board)?.name ?? transfer.board;
        this._rows.set(transfer.id, new TransferRow(transfer, name));
      }
      this._rows.get(transfer.id).show(transfer, now);
    }
    arrange(this._list, all.map(({ id }) => this._rows.get(id).node));
    setText(byId("transfers-count"), String(fleet.transfers.running));
    setProperty(byId("transfers-empty"), "hidden", all.length > 0);
  }

  /** Forget all rows: the next fleet numbers its transfers anew. */
  reset() {
    this._rows.clear();
  }
}
