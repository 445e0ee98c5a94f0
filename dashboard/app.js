"use strict";
// The page: messages into the fleet as they come, the fleet onto the screen as often as that is cheap.

const TICK_MS = 1000;
const REST = 4; // times what drawing took: so it takes a fifth of the time at most
const LONGEST_REST_MS = 500;
const KEEP_MS = 5000; // histories are written no oftener than that
const NEWS_MS = 3000; // a screen reader is told no oftener than that

const App = {
  fleet: new Fleet("outpost"),
  connection: null,
  store: null, // of histories; null: not loaded yet, and so nothing may be written
  boards: new BoardsView(),
  transfers: new TransfersView(),
  feed: new FeedView(),
  drawing: false,
  restUntil: 0,

  start() {
    App.view = new ConnectionView(
      (settings) => {
        Settings.keep(settings);
        App.view.open(false);
        App.connect(settings);
      },
      () => App.connection?.hurry(),
    );
    App.startTheme();
    App.reset("outpost");
    setInterval(App.tick, TICK_MS);
    setInterval(App.tellNews, NEWS_MS);
    setInterval(App.keep, KEEP_MS);
    document.addEventListener("visibilitychange", App.keep);
    addEventListener("pagehide", App.keep);
    if (typeof mqtt === "undefined") {
      App.view.say("refused", "mqtt.min.js does not stand beside this page: run make page");
      return;
    }
    if (typeof uPlot === "undefined") {
      App.view.say("refused", "uPlot.iife.min.js does not stand beside this page: run make page");
      return;
    }
    const settings = Settings.load();
    const fault = settings.broker && Settings.fault(settings);
    App.view.fill({ ...settings, broker: settings.broker || Settings.guess() }, fault);
    if (settings.broker && !fault) App.connect(settings);
    else App.view.open(true);
  },

  startTheme() {
    const button = byId("theme");
    const say = () => setText(button, `Theme: ${Theme.chosen}`);
    button.addEventListener("click", () => {
      const next = (Theme.choices.indexOf(Theme.chosen) + 1) % Theme.choices.length;
      Theme.choose(Theme.choices[next]);
      say();
      PlotsView.redraw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => PlotsView.redraw());
    say();
  },

  /** Begin anew, with what is below topic. */
  reset(topic) {
    App.fleet = new Fleet(topic);
    App.boards.reset(App.fleet);
    App.feed.reset(App.fleet);
    App.transfers.reset();
    App.tick();
  },

  connect(settings) {
    App.connection?.close();
    App.keep();
    App.reset(settings.topic);
    const { fleet } = App;
    App.load(new Store(`${settings.broker} ${settings.topic}`), fleet);
    App.connection = new Connection(
      settings,
      (topic, payload, retained) => {
        fleet.take(topic, payload, !retained, Date.now());
        App.draw();
      },
      (state, text, retryAt) => {
        fleet.connected(state === "connected" ? Date.now() : null);
        App.view.say(state, text, retryAt);
        if (state === "refused") App.view.open(true);
        App.draw();
      },
    );
  },

  /** Tell a board a word; false where there is no connection. */
  command(id, word) {
    return App.connection?.publish(`${id}/command`, word) ?? false;
  },

  /** Bring the histories that this browser has kept. */
  async load(store, fleet) {
    App.store = null;
    const kept = await store.load(Date.now());
    if (fleet !== App.fleet) return; // another connection was asked for meanwhile
    fleet.adopt(kept, Date.now());
    App.store = store;
    App.draw();
  },

  /** Write the histories that have changed. */
  keep() {
    if (!App.store) return;
    const changed = [...App.fleet.boards.values()].filter(({ history }) => history.changed);
    if (changed.length) App.store.keep(changed, Date.now());
    if (App.fleet.forgotten.size) App.store.forget(App.fleet.forgotten);
    App.fleet.forgotten = new Set();
  },

  /** Draw soon, once, however many messages come until then. */
  draw() {
    if (App.drawing) return;
    App.drawing = true;
    // A page that rests answers in the next frame; one with much to draw leaves time for clicks.
    const rest = App.restUntil - performance.now();
    if (rest > 0) setTimeout(() => requestAnimationFrame(App.drawNow), rest);
    else requestAnimationFrame(App.drawNow);
  },

  drawNow(began) {
    const now = Date.now();
    const { changed } = App.fleet;
    App.fleet.changed = new Set();
    App.boards.render(changed, now);
    App.transfers.render(App.fleet, now);
    App.feed.render(now);
    // Layout and paint come after this and are a part of what it cost: look when they are done.
    setTimeout(() => {
      App.drawing = false;
      const cost = performance.now() - began;
      App.restUntil = performance.now() + Math.min(cost * REST, LONGEST_REST_MS);
      if (App.fleet.changed.size) App.draw();
    });
  },

  /** Time passes: uptimes rise, boards become late, transfers stale. */
  tick() {
    const now = Date.now();
    App.fleet.transfers.sweep(now);
    App.view.render(now);
    if (document.hidden) return; // nobody looks, and what is drawn later is drawn from the fleet
    App.boards.render(null, now);
    App.transfers.render(App.fleet, now);
    App.feed.render(now);
    App.sayTitle(now);
  },

  sayTitle(now) {
    const { all, attention } = App.boards.counts(now);
    const title = !all ? "Outpost" : attention ? `(${attention}) Outpost` : `Outpost, ${counted(all, "board")}`;
    if (document.title !== title) document.title = title;
  },

  /** For screen readers: which boards came and went, in one sentence now and then. */
  tellNews() {
    const news = App.fleet.news.splice(0);
    if (news.length) setText(byId("news"), news.length > 3 ? `${news.length} boards came or went` : news.join(", "));
  },
};

App.start();
