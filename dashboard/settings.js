"use strict";
// Settings: where the broker is and who we are there, from the address bar, this browser, the form.

const FIELDS = ["broker", "topic", "user"];

const Settings = {
  /**
   * What to connect with, and the errors that a form would show: {broker, topic, user, password,
   * remember}. broker is "" where nobody has said it yet.
   */
  load() {
    const kept = Settings._kept();
    const given = Settings._fromAddress();
    const settings = { broker: "", topic: "outpost", user: "", password: "", remember: false, ...kept };
    for (const field of FIELDS) settings[field] = given[field] ?? settings[field];
    // A link may name a broker, but it shall not carry the kept password there.
    const same = settings.broker === kept.broker && settings.user === kept.user;
    if (!same) Object.assign(settings, { password: "", remember: false });
    if (given.password !== undefined) settings.password = given.password;
    return settings;
  },

  /** Keep them in this browser; the password only where that was asked for. */
  keep({ broker, topic, user, password, remember }) {
    const kept = { broker, topic, user, ...(remember ? { password, remember } : {}) };
    Kept.set("settings", JSON.stringify(kept));
  },

  /** What the form may begin with: the machine that the page came from is often the broker's. */
  guess() {
    const secure = location.protocol === "https:";
    return `${secure ? "wss" : "ws"}://${location.hostname || "localhost"}:9001`;
  },

  /** What is wrong with them, in words for whoever typed them; "" where nothing is. */
  fault({ broker, topic, user, password }) {
    let url;
    try {
      url = new URL(broker);
    } catch {
      return "The broker must be a URL such as ws://192.168.1.5:9001";
    }
    if (url.protocol !== "ws:" && url.protocol !== "wss:") {
      return "A browser reaches a broker over WebSocket alone: ws://host:port or wss://host:port";
    }
    if (url.username || url.password) return "User and password have fields of their own";
    if (location.protocol === "https:" && url.protocol === "ws:") {
      return "This page came over https, so the browser allows wss:// alone";
    }
    if (!topic || /[+#\0]/.test(topic) || topic.startsWith("/") || topic.endsWith("/")) {
      return "The topic must be text such as outpost, without + and #, no / at its ends";
    }
    if (password && !user) return "A password needs a user";
    return "";
  },

  _kept() {
    try {
      const kept = JSON.parse(Kept.get("settings") ?? "{}");
      const texts = Object.entries(kept).filter(([key, value]) => {
        return key === "remember" ? value === true : typeof value === "string";
      });
      return Object.fromEntries(texts);
    } catch {
      return {};
    }
  },

  /** ?broker=...&topic=...&user=..., and the same behind #, where a password may stand too. */
  _fromAddress() {
    const given = {};
    const behind = new URLSearchParams(location.hash.slice(1));
    for (const field of FIELDS) {
      given[field] = behind.get(field) ?? new URLSearchParams(location.search).get(field) ?? undefined;
    }
    // Only behind #: that part is sent to no server. It goes from the address bar at once.
    given.password = behind.get("password") ?? undefined;
    if (given.password !== undefined) {
      behind.delete("password");
      const rest = behind.toString();
      history.replaceState(null, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
    }
    return given;
  },
};
