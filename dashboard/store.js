"use strict";
// Store: histories in this browser (IndexedDB), so that they survive a reload. One that keeps
// nothing only forgets.

const MOST_RECORDS = 2000; // of all brokers together

class Store {
  /** scope: broker and topic; boards of another are others. */
  constructor(scope) {
    this._scope = scope;
    this._opened = Store._open();
    this._opened.catch(() => {}); // whoever reads or writes hears of it
  }

  static _open() {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open("outpost", 1);
      request.onupgradeneeded = () => {
        const boards = request.result.createObjectStore("boards", { keyPath: ["scope", "id"] });
        boards.createIndex("at", "at");
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  /** Map of id -> what is kept of that board; what is too old or too much is forgotten. */
  async load(now) {
    try {
      const boards = (await this._opened).transaction("boards", "readwrite").objectStore("boards");
      const old = IDBKeyRange.upperBound(now - HISTORY_MS);
      await Store._done(boards.count()).then((count) => Store._prune(boards, old, count - MOST_RECORDS));
      const own = IDBKeyRange.bound([this._scope], [this._scope, []]);
      const records = await Store._done(boards.getAll(own));
      return new Map(records.map((record) => [record.id, record]));
    } catch {
      return new Map(); // storage is turned off, or full
    }
  }

  /** Remove what is old, and `many` of the oldest besides. */
  static _prune(boards, old, many) {
    return new Promise((resolve) => {
      let left = many;
      const request = boards.index("at").openKeyCursor();
      request.onerror = resolve;
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor || (left <= 0 && !old.includes(cursor.key))) return resolve();
        left -= 1;
        boards.delete(cursor.primaryKey);
        return cursor.continue();
      };
    });
  }

  /** Keep the histories of these boards, an iterable of Boards. */
  async keep(boards, now) {
    try {
      const stored = (await this._opened).transaction("boards", "readwrite").objectStore("boards");
      for (const { id, history } of boards) {
        history.changed = false;
        stored.put({ scope: this._scope, id, at: now, ...history.record });
      }
    } catch {
      // Nothing depends on it.
    }
  }

  /** Forget boards by their ids. */
  async forget(ids) {
    try {
      const stored = (await this._opened).transaction("boards", "readwrite").objectStore("boards");
      for (const id of ids) stored.delete([this._scope, id]);
    } catch {
      // Nothing depends on it.
    }
  }

  static _done(request) {
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }
}
