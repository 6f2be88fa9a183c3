// The shell: navigation, status line, settings, and the screen that the address asks for.
//
// Rules
// - screens.js lists the screens; a screen is {route, title: key, nav?: {icon, order}, bare?, view, enter?, leave?}.
//   nav: it stands in the navigation. bare: it draws the whole page itself (Scan, log-in), with statusLine().
// - A change of screen moves the focus to its heading, for keyboard and screen reader.

import { link, route, settle, startRouter } from "./router.js";
import { accountSection, lockButton } from "../access/account.js";
import { attention, healthLine } from "./health.js";
import { banner, button, choice, dialog, healthWords, iconButton, mark } from "./parts.js";
import { CHOICES } from "./settings.js";
import { h, mount } from "./render.js";
import { define, LANGUAGES, t } from "./words.js";
import { icon } from "./icons.js";
import { onUnauthorised } from "./api.js";
import { readSession, setSetting, start, state } from "./state.js";
import { shortcuts, startKeys } from "./keys.js";
import { gateBefore } from "../access/gate.js";
import { lock } from "../access/session.js";
import { screens } from "../screens.js";
import { watchIdle } from "../access/idle.js";
import { words } from "./core-words.js";

define(words);

let open = ""; // "settings" or "keys"
let redraw = () => {};
const show = (name) => { open = name; redraw(); };

// The state of node, probe, archive and disk; a screen with a picture passes its frames per second.
export function statusLine(fps) {
  return h("ul", { class: "status-line", "aria-label": t("core.status") },
    ...healthLine(state, fps).map((each) => h("li", { key: each.id },
      mark({ kind: each.kind, icon: each.icon, word: healthWords(each) }))));
}

// The buttons that lock the page and open the settings, for screens without the shell's header.
export const settingsButton = () => h("div", { class: "app-buttons" },
  state.session.locked ? null : lockButton(),
  iconButton({ label: t("core.settings"), icon: "settings", onclick: () => show("settings") }));

export function staleBanner() {
  return state.stale ? banner({ kind: "bad", title: t("core.stale.title"), text: t("core.stale.text"), class: "stale-banner" }) : null;
}

function view() {
  const at = route();
  if (!at) return null;
  const screen = gateBefore(at.screen) ?? at.screen;
  document.title = titleOf(screen);
  const content = screen.view({ ...at, state, redraw });
  return h("div", { key: "app", class: `app${screen.bare ? " bare" : ""}${state.stale ? " stale" : ""}` },
    h("a", { class: "skip", href: "#content", onclick: (event) => { event.preventDefault(); focusContent(); } }, t("core.skip")),
    screen.bare ? null : header(screen),
    screen.bare ? null : staleBanner(),
    h("main", { key: screen.route, id: "content", tabindex: "-1", class: `screen ${screen.name ?? ""}` }, content),
    open === "settings" ? settings() : null,
    open === "keys" ? keysHelp() : null);
}

function titleOf(screen) {
  const matters = state.stale ? "(!) " : attention(state.status) ? `(${attention(state.status)}) ` : "";
  return `${matters}${t(screen.title)} · EchoNode`;
}

function header(screen) {
  const inNavigation = screens.filter((each) => each.nav).sort((one, other) => one.nav.order - other.nav.order);
  return h("header", { class: "app-top" },
    h("a", { class: "brand", href: "#/", "aria-label": "EchoNode" },
      h("img", { src: "console/favicon.svg", alt: "", width: "28", height: "28" }), h("span", {}, "EchoNode")),
    h("nav", { "aria-label": t("core.navigation") }, ...inNavigation.map((each) =>
      h("a", { key: each.route, href: link(each.route.replace(/\/:.*$/, "")), "aria-current": isIn(each, screen) ? "page" : undefined },
        icon(each.nav.icon), h("span", {}, t(each.title))))),
    statusLine(),
    settingsButton());
}

// A screen within another ("/archive/:study") marks that other one in the navigation.
const isIn = (each, screen) => each === screen || each.route === screen.within;

function settings() {
  const pick = (name, label) => choice({ name, label, value: state.settings[name],
    choices: CHOICES[name].map((each) => [each, t(`core.${name}.${each}`)]), onchange: (value) => setSetting(name, value) });
  return dialog({ id: "settings", title: t("core.settings"), onclose: () => show(""),
    actions: [button({ label: t("core.close"), kind: "primary", onclick: () => show("") })] },
    state.session.locked ? null : accountSection(() => show("")),
    pick("theme", t("core.theme")),
    choice({ name: "language", label: t("core.language"), value: state.settings.language,
      choices: [["", t("core.language.browser")], ...Object.entries(LANGUAGES)], onchange: (value) => setSetting("language", value) }),
    pick("hand", t("core.hand")),
    pick("shortcuts", t("core.shortcuts")));
}

function keyName(key) {
  const names = { " ": t("core.key.space"), ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
  return names[key] ?? key.toUpperCase();
}

function keysHelp() {
  const all = shortcuts();
  return dialog({ id: "keys", title: t("core.shortcuts"), onclose: () => show(""),
    actions: [button({ label: t("core.close"), kind: "primary", onclick: () => show("") })] },
    all.length ? null : h("p", {}, t("core.shortcuts.none")),
    h("dl", { class: "keys" }, ...all.flatMap((each) => [
      h("dt", { key: `k${each.key}` }, h("kbd", {}, keyName(each.key))), h("dd", { key: `d${each.key}` }, t(each.label))]),
    h("dt", { key: "k?" }, h("kbd", {}, "?")), h("dd", { key: "d?" }, t("core.shortcuts.help"))));
}

function focusContent() {
  const place = document.querySelector("main h1") ?? document.getElementById("content");
  if (!place) return;
  if (!place.hasAttribute("tabindex")) place.setAttribute("tabindex", "-1");
  place.focus({ preventScroll: true });
}

let first = true;

export function startApp() {
  redraw = mount(document.getElementById("app"), view);
  onUnauthorised(readSession);
  startKeys(() => show("keys"));
  let gate = null;
  start(redraw, () => {
    const before = gate;
    gate = route() && gateBefore(route().screen);
    if (gate !== before) open = ""; // no dialog stays over a log-in, nor one of before
    settle();
  });
  watchIdle({ locksAfter: () => (state.session.user ? state.session.lock_after_s : null), lock });
  // Who is logged in is known before the first screen: none is shown for a moment and taken away.
  readSession().then(() => startRouter(screens, () => {
    open = "";
    redraw();
    if (!first) {
      setTimeout(() => { // once it is drawn
        scrollTo(0, 0);
        focusContent();
      }, 0);
    }
    first = false;
  }, (screen) => !gateBefore(screen)));
}
