// What stands before the screens: set-up, log-in and lock. They have no address of their own, so that
// the page goes on where it was.
//
// Rules
// - While one of them is shown, the screen behind it is left and not in the page: a locked tablet shows
//   nothing of a patient.
// - The screens {title, bare, view} are drawn by the shell as every other.

import { button, errorBanner, withCommands } from "../core/parts.js";
import { changed, state } from "../core/state.js";
import { define, t } from "../core/words.js";
import { gateOf, logIn, logOut, setUp, unlock } from "./session.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { formOf, newForm, send, textField } from "./forms.js";
import { settingsButton, staleBanner } from "../core/app.js";
import { words } from "./words.js";

define(words);

const MOST_DIGITS = 8;
const login = newForm({ name: "", password: "" });
const setup = newForm({ code: "", name: "", password: "" });
const locked = newForm({ pin: "", password: "" });
let byPassword = false;

// The screen that stands before `screen`; null where it may be shown. free: it needs no log-in.
export const gateBefore = (screen) => (screen.free ? null : GATES[gateOf(state.session)] ?? null);

function page(title, text, ...content) {
  return h("div", { class: "gate" },
    h("header", { class: "gate-top" },
      h("span", { class: "brand" }, h("img", { src: "console/favicon.svg", alt: "", width: "28", height: "28" }), "EchoNode"),
      settingsButton()),
    staleBanner(),
    h("div", { class: "gate-card card" }, h("h1", {}, title), text && h("p", { class: "quiet-text" }, text), ...content));
}

const loginView = () => page(t("access.login.title"), "",
  formOf(login, { id: "login", label: t("access.login.do"), fields: ["name", "password"], onsend: () => send(login, ({ name, password }) => logIn(name, password)) },
    textField(login, "name", { id: "login-name", label: t("access.name"), autocomplete: "username", autocapitalize: "none", autofocus: true }),
    textField(login, "password", { id: "login-password", label: t("access.password"), type: "password", autocomplete: "current-password" })));

const setupView = () => page(t("access.setup.title"), t("access.setup.text"),
  formOf(setup, { id: "setup", label: t("access.setup.do"), fields: ["code", "name", "password"], onsend: () => send(setup, ({ code, name, password }) => setUp(code, name, password)) },
    textField(setup, "code", { id: "setup-code", label: t("access.setup.code"), autocapitalize: "characters", class: "code", placeholder: "XXXX-XXXX-XXXX-XXXX" }),
    h("p", { class: "hint after-field" }, ...withCommands(t("access.setup.code.hint"))),
    textField(setup, "name", { id: "setup-name", label: t("access.name"), hint: t("access.setup.name.hint"), autocomplete: "username", autocapitalize: "none" }),
    textField(setup, "password", { id: "setup-password", label: t("access.password"), hint: t("access.password.hint"), type: "password", autocomplete: "new-password" })));

function lockView() {
  const { user, has_pin: hasPin } = state.session;
  const pin = hasPin && !byPassword;
  return h("div", { class: "gate" },
    h("header", { class: "gate-top" },
      h("span", { class: "brand" }, h("img", { src: "console/favicon.svg", alt: "", width: "28", height: "28" }), "EchoNode"),
      settingsButton()),
    staleBanner(),
    h("div", { class: "gate-card card" },
      h("h1", { class: "lock-title" }, icon("lock", 24), t("access.lock.title")),
      h("p", { class: "lock-user" }, icon("user"), h("bdi", {}, user?.name ?? "")),
      h("p", { class: "quiet-text" }, t("access.lock.text")),
      pin ? pinForm() : passwordForm(),
      h("div", { class: "row gate-more" },
        hasPin ? button({ label: t(pin ? "access.lock.by_password" : "access.lock.by_pin"), kind: "quiet", onclick: () => { byPassword = pin; locked.reset(); changed(); } }) : null,
        button({ label: t("access.lock.other"), icon: "user", kind: "quiet", onclick: leaveSession }))));
}

function passwordForm() {
  return formOf(locked, { id: "unlock", label: t("access.lock.do"), icon: "lock", fields: ["password"], onsend: () => open({ password: locked.values.password }) },
    textField(locked, "password", { id: "unlock-password", label: t("access.password"), type: "password", autocomplete: "current-password" }));
}

// A pad of its own: the tablet's keyboard would cover half of the page.
function pinForm() {
  const count = locked.values.pin.length;
  const add = (digit) => () => { if (count < MOST_DIGITS) { locked.values.pin += digit; changed(); } };
  const digit = (each) => button({ key: each, label: each, class: "pad-key", onclick: add(each) });
  return h("form", { id: "unlock", class: "access-form", onsubmit: (event) => { event.preventDefault(); open({ pin: locked.values.pin }); } },
    textField(locked, "pin", { id: "unlock-pin", label: t("access.lock.pin"), type: "password", inputmode: "none", maxlength: String(MOST_DIGITS), class: "pin", autofocus: true }),
    h("div", { class: "pad", role: "group", "aria-label": t("access.lock.pin") },
      ...["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(digit),
      button({ key: "erase", label: "⌫", "aria-label": t("access.lock.erase"), class: "pad-key", onclick: () => { locked.values.pin = locked.values.pin.slice(0, -1); changed(); } }),
      digit("0"),
      button({ key: "open", label: t("access.lock.ok"), "aria-label": `${t("access.lock.ok")}: ${t("access.lock.do")}`, kind: "primary", class: "pad-key pad-open", type: "submit", busy: locked.busy, onclick: undefined })),
    errorBanner(locked.error));
}

async function open(by) {
  const taken = await send(locked, () => unlock(by));
  if (taken) byPassword = false;
  else Object.assign(locked.values, { pin: "", password: "" });
  changed();
}

async function leaveSession() {
  locked.reset();
  byPassword = false;
  await logOut();
}

const GATES = {
  setup: { name: "gate", route: "setup", title: "access.setup.title", bare: true, view: setupView },
  login: { name: "gate", route: "login", title: "access.login.title", bare: true, view: loginView },
  lock: { name: "gate", route: "lock", title: "access.lock.title", bare: true, view: lockView },
};
