"use strict";
// Connection: to the broker over WebSocket, kept for good: after each loss it is tried again.

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;
const STEADY_MS = 10_000; // a connection that lasted so long forgives the failures before
const ANSWER_MS = 10_000;
// MQTT 3.1.1, section 3.2.2.3. With the last two another attempt would be as vain.
const REFUSALS = {
  1: "the broker wants another version of MQTT",
  2: "the broker does not like our client id",
  3: "the broker is not available",
  4: "wrong user name or password",
  5: "the broker does not let this user in",
};
const FINAL = new Set([4, 5]);
const FAILURE = 0x80; // of SUBACK's codes, section 3.9.3

class Connection {
  /**
   * settings: {broker, topic, user, password}. onMessage(topic, bytes, retained). onState(state,
   * text, retryAt): state is connecting, connected, waiting (until retryAt) or refused (for good).
   */
  constructor(settings, onMessage, onState) {
    this._settings = settings;
    this._onMessage = onMessage;
    this._onState = onState;
    this._delay = FIRST_DELAY_MS;
    this._timer = null;
    this._client = null;
    this._open();
  }

  /** Try now what waits for its time. */
  hurry() {
    if (this._timer === null) return;
    clearTimeout(this._timer);
    this._open();
  }

  /** Publish text below the topic, not retained; false where there is no connection. */
  publish(below, text) {
    if (!this._client?.connected) return false;
    this._client.publish(`${this._settings.topic}/${below}`, text, { qos: 0, retain: false });
    return true;
  }

  /** End it for good. */
  close() {
    clearTimeout(this._timer);
    this._timer = null;
    this._end();
  }

  _open() {
    this._timer = null;
    const { broker, user, password } = this._settings;
    this._onState("connecting", `Connecting to ${broker}`);
    let why = `Nothing answers at ${broker}: is there a broker, with a WebSocket listener?`;
    let connectedAt = null;
    const client = (this._client = mqtt.connect(broker, {
      clientId: `outpost-page-${Math.random().toString(16).slice(2, 12)}`,
      username: user || undefined,
      password: user ? password : undefined,
      protocolVersion: 4, // 3.1.1: the least that every broker speaks
      connectTimeout: ANSWER_MS,
      reconnectPeriod: 0, // its own has no growing delay and can't be hurried
      keepalive: 60,
    }));
    client.on("connect", () => {
      connectedAt = Date.now();
      this._subscribe(client);
    });
    client.on("message", (topic, payload, packet) => {
      if (client === this._client) this._onMessage(topic, payload, packet.retain);
    });
    client.on("error", (error) => {
      const refusal = REFUSALS[error.code];
      if (refusal) why = `Refused: ${refusal}`;
      if (FINAL.has(error.code)) this._giveUp(client, why);
    });
    client.on("close", () => {
      if (client !== this._client) return;
      if (connectedAt !== null) why = "The broker is gone";
      if (connectedAt !== null && Date.now() - connectedAt > STEADY_MS) this._delay = FIRST_DELAY_MS;
      this._end();
      this._retry(why);
    });
  }

  _subscribe(client) {
    const { broker, topic } = this._settings;
    const filters = ["status", "info", "state", "event/#"].map((kind) => `${topic}/+/${kind}`);
    client.subscribe(filters, { qos: 0 }, (error) => {
      if (client !== this._client) return;
      const refused = error?.packet?.granted?.some((code) => code >= FAILURE);
      if (refused) this._giveUp(client, `Refused: this user may not read ${topic}/#`);
      else if (error) client.end(true); // it went in the middle: "close" has us try again
      // Not before: until now the broker might have kept something from us.
      else this._onState("connected", `Connected to ${broker}`);
    });
  }

  _giveUp(client, why) {
    if (client !== this._client) return;
    this._end();
    this._onState("refused", why);
  }

  _end() {
    const client = this._client;
    this._client = null;
    client?.end(true);
  }

  _retry(why) {
    // Spread by a fifth: many pages shall not come back to a broker at once.
    const delay = this._delay * (0.8 + 0.4 * Math.random());
    this._delay = Math.min(this._delay * 2, LONGEST_DELAY_MS);
    this._timer = setTimeout(() => this._open(), delay);
    this._onState("waiting", why, Date.now() + delay);
  }
}
