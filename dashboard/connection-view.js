"use strict";
// What the page says of its connection, and the form that sets it.

class ConnectionView {
  /** onSettings(settings): the form was sent with sound ones. onRetry(): "Try now" was pressed. */
  constructor(onSettings, onRetry) {
    this._form = byId("settings");
    this._opener = byId("settings-open");
    this._state = { state: "none", text: "Not connected", retryAt: null };
    this._opener.addEventListener("click", () => this.open(this._form.hidden));
    byId("settings-close").addEventListener("click", () => {
      this.open(false);
      this._opener.focus();
    });
    byId("retry").addEventListener("click", onRetry);
    this._form.addEventListener("submit", (event) => {
      event.preventDefault();
      const settings = this._read();
      const fault = Settings.fault(settings);
      setText(byId("settings-error"), fault);
      if (!fault) onSettings(settings);
    });
  }

  /** Show the form, or hide it. */
  open(shown) {
    this._form.hidden = !shown;
    setAttribute(this._opener, "aria-expanded", String(shown));
    if (shown) this._form.broker.focus();
  }

  /** Put settings into the form, and what is wrong with them. */
  fill(settings, fault = "") {
    for (const field of [...FIELDS, "password"]) this._form[field].value = settings[field];
    this._form.remember.checked = settings.remember;
    setText(byId("settings-error"), fault);
  }

  _read() {
    const { broker, topic, user, password, remember } = this._form;
    return {
      broker: broker.value.trim(),
      topic: topic.value.trim(),
      user: user.value,
      password: password.value,
      remember: remember.checked,
    };
  }

  /** Say how the connection is: as Connection's onState gives it. */
  say(state, text, retryAt = null) {
    this._state = { state, text, retryAt };
    this.render(Date.now());
  }

  /** The same again: time passes while it waits. */
  render(now) {
    const { state, text, retryAt } = this._state;
    const left = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - now) / 1000));
    setAttribute(byId("connection"), "data-state", state);
    setText(byId("connection-text"), visible(text));
    setText(byId("retry"), state === "waiting" ? `Try now (${left} s)` : "Try now");
    setProperty(byId("retry"), "hidden", state !== "waiting");
  }
}
