"use strict";
// What this browser keeps between visits. A browser that keeps nothing only forgets.

const Kept = {
  prefix: "outpost-",

  /** The text kept under name, or null. */
  get(name) {
    try {
      return localStorage.getItem(Kept.prefix + name);
    } catch {
      return null; // storage is turned off, as it may be for file://
    }
  },

  /** Keep text under name; null forgets it. */
  set(name, text) {
    try {
      if (text === null) localStorage.removeItem(Kept.prefix + name);
      else localStorage.setItem(Kept.prefix + name, text);
    } catch {
      // Nothing depends on it.
    }
  },
};
