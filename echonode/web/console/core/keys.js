// Keyboard shortcuts, and the list that `?` shows.
//
// Rules
// - bind(list) registers {key, label, run, when?} and gives back what removes them. label: a key of words.js,
//   so that the list follows the language. when(): whether it does anything just now.
// - key is KeyboardEvent.key ("s", "ArrowLeft", " ").
// - Nothing runs while a person types, while a dialog is open, with Ctrl, Alt or Meta, or where shortcuts are
//   turned off. Space and Enter on a focused button stay that button's own.

import { state } from "./state.js";

const bound = new Set();
const TYPING = "input:not([type=range], [type=radio], [type=checkbox]), textarea, select, [contenteditable]";
const ITS_OWN = "button, a[href], summary, [role=menuitem], [role=slider]";

export function bind(list) {
  for (const each of list) bound.add(each);
  return () => { for (const each of list) bound.delete(each); };
}

export const shortcuts = () => [...bound];

export function startKeys(showHelp) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const at = event.target instanceof Element ? event.target : document.body;
    if (at.closest(TYPING) || document.querySelector("dialog[open]")) return;
    if (state.settings.shortcuts === "off") return;
    if (event.key === "?") {
      event.preventDefault();
      showHelp();
      return;
    }
    if ((event.key === " " || event.key === "Enter") && at.closest(ITS_OWN)) return;
    if (event.key.startsWith("Arrow") && at.closest("[role=slider], input")) return;
    for (const each of [...bound].reverse()) {
      if (each.key !== event.key || (each.when && !each.when())) continue;
      if (event.repeat && !each.repeats) return;
      event.preventDefault();
      each.run();
      return;
    }
  });
  // A button pressed by hand gives the keyboard back: the next Space is the screen's.
  addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("button");
    if (button && event.detail > 0 && button.closest("[data-keys-pass]")) button.blur();
  });
}
