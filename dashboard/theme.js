"use strict";
// Dark or light: as the system has it, or as this browser was told. Loaded before the first paint.

const Theme = {
  choices: ["auto", "dark", "light"],

  /** The choice kept in this browser: auto, dark or light. */
  get chosen() {
    const kept = Kept.get("theme");
    return Theme.choices.includes(kept) ? kept : "auto";
  },

  /** Show the page so, and keep it. */
  choose(choice) {
    Kept.set("theme", choice === "auto" ? null : choice);
    Theme.apply();
  },

  apply() {
    const scheme = Theme.chosen === "auto" ? "light dark" : Theme.chosen;
    document.documentElement.style.colorScheme = scheme;
  },
};

Theme.apply();
