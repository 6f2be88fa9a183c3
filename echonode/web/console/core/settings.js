// What this browser remembers of how its user likes the console. No patient data is kept here.
//
// Rules
// - theme: dark, light or system. language: "" (the browser's) or a key of LANGUAGES. hand: right or left.
//   shortcuts: on or off (WCAG 2.1.4: single keys can be turned off).
// - first.js reads the same store before the first paint; keep the names.

const STORE = "echonode.settings";
export const DEFAULTS = Object.freeze({ theme: "dark", language: "", hand: "right", shortcuts: "on" });
export const CHOICES = Object.freeze({
  theme: ["dark", "light", "system"], hand: ["right", "left"], shortcuts: ["on", "off"],
});

export function readSettings() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") };
  } catch {
    return { ...DEFAULTS }; // a private window, or another program's value
  }
}

export function writeSettings(settings) {
  try {
    localStorage.setItem(STORE, JSON.stringify(settings));
  } catch { /* a private window: it holds until the page is closed */ }
}

// Sets the page's attributes, which the styles follow.
export function applySettings(settings, language) {
  const root = document.documentElement;
  const light = settings.theme === "light"
    || (settings.theme === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  root.dataset.theme = light ? "light" : "dark";
  root.dataset.hand = settings.hand;
  root.lang = language;
}
