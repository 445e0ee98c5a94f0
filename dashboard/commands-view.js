"use strict";
// Commands: buttons for what a board lets itself be told, each with a question before it is sent.

const COMMANDS = [
  {
    word: "sync", label: "Set the clock", ask: "Set the clock now?",
    says: "The board asks its time servers now.",
  },
  {
    word: "confirm", label: "Confirm", ask: "Confirm the version on trial?", trial: true,
    says: "The version on trial stays, and the one before is no longer kept.",
  },
  {
    word: "rollback", label: "Roll back", ask: "Roll back?", trial: true,
    says: "The board goes back to the version before and restarts: its transfers are cut off.",
  },
  {
    word: "reboot", label: "Reboot", ask: "Reboot?",
    says: "The board restarts: its transfers are cut off.",
  },
];

/** The buttons of one board; there are none where the board takes no commands. */
class CommandsView {
  /** send(id, word): publishes it; returns whether there is a connection to do so. */
  constructor(send) {
    this._send = send;
    this._said = element("span", { className: "said", role: "status" });
    this._buttons = COMMANDS.map((command) => {
      const button = element("button", { type: "button" }, command.label);
      button.addEventListener("click", () => this._ask(command));
      return button;
    });
    this.node = element("div", { className: "commands", role: "group", hidden: true }, ...this._buttons, this._said);
    this._dialog = null;
  }

  show(board) {
    this._board = board;
    setProperty(this.node, "hidden", board.info.commands !== true);
    setAttribute(this.node, "aria-label", `Commands to ${visible(board.name, 40)}`);
    const trial = board.section("update").phase === "trial";
    this._buttons.forEach((button, index) => {
      setProperty(button, "hidden", Boolean(COMMANDS[index].trial) && !trial);
      setProperty(button, "disabled", !board.online);
    });
  }

  /** Ask, and send where the answer is yes. */
  _ask({ word, label, ask, says }) {
    const { id, name } = this._board;
    const yes = element("button", { type: "submit", className: "primary", value: "yes" }, label);
    const no = element("button", { type: "submit", value: "", autofocus: true }, "Cancel");
    const title = element("h3", { id: "ask-title" }, `${ask} `, named(name));
    const form = element("form", { method: "dialog" }, title, element("p", {}, says), element("p", { className: "answers" }, yes, no));
    const dialog = element("dialog", { className: "ask", "aria-labelledby": "ask-title" }, form);
    dialog.addEventListener("close", () => {
      this._dialog = null;
      dialog.remove();
      if (dialog.returnValue !== "yes") return;
      const sent = this._send(id, word);
      setText(this._said, sent ? `${label}: sent. The board's answer comes among the events.` : `${label}: not sent, the broker is away.`);
    });
    this._dialog = dialog;
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  }

  /** Let go of it: a question that is open goes, unanswered. */
  close() {
    this._dialog?.close("");
  }
}
