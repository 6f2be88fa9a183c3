// The users, for administrators: who may do what, and changes to it.
import { banner, button, dialog, emptyState, errorBanner, mark, select, skeleton, table } from "../core/parts.js";
import { changed, readSession, state } from "../core/state.js";
import { define, languageNow, t } from "../core/words.js";
import { del, get, part, post } from "../core/api.js";
import { formOf, newForm, send, textField } from "./forms.js";
import { day } from "../core/format.js";
import { h } from "../core/render.js";
import { may } from "./session.js";
import { words } from "./words.js";

define(words);

const ROLES = ["viewer", "operator", "administrator", "service"];
const adding = newForm({ name: "", role: "operator", password: "" });
const changing = newForm({ role: "", password: "" });
let users = null;
let failure = null;
let open = null; // {kind: "add" | "change" | "remove" | "token", user?, token?, copied?}

async function enter() {
  open = null;
  if (!may("administrator")) return;
  try {
    ({ users } = await get("api/users"));
    failure = null;
  } catch (error) {
    failure = error;
  }
  changed();
}

function leave() {
  open = null;
  users = null;
  adding.reset();
  changing.reset();
}

const show = (next) => { open = next; adding.reset(); changing.reset(); changed(); };

function view() {
  if (!may("administrator")) return h("div", { class: "stack" }, h("h1", {}, t("access.users.title")), emptyState({ icon: "lock", title: t("access.users.not_yours") }));
  const add = button({ label: t("access.users.add"), icon: "plus", kind: "primary", onclick: () => show({ kind: "add" }) });
  return h("div", { class: "users-page stack" },
    h("header", { class: "users-head" }, h("h1", {}, t("access.users.title")), users?.length ? add : null),
    errorBanner(failure),
    users ? list(add) : failure ? null : skeleton(3),
    dialogs());
}

function list(add) {
  if (!users.length) return emptyState({ icon: "user", title: t("access.users.none"), text: t("access.users.none.text"), actions: [add] });
  return table({ caption: t("access.users.title"), rows: users, keyOf: (user) => user.name, columns: [
    { key: "name", label: t("access.name"), cell: (user) => h("strong", {}, h("bdi", {}, user.name), user.name === state.session.user?.name ? h("span", { class: "quiet-text" }, ` (${t("access.users.you")})`) : null,
      h("span", { class: "hint role-below", "aria-hidden": "true" }, t(`access.role.${user.role}`))) },
    { key: "role", label: t("access.role"), cell: (user) => t(`access.role.${user.role}`) },
    { key: "state", label: t("access.users.state"), cell: (user) => h("div", { class: "user-state" },
      user.disabled ? mark({ kind: "warn", icon: "held", word: t("access.users.disabled") }) : mark({ kind: "good", icon: "check", word: t("access.users.enabled") }),
      h("span", { class: "hint" }, user.role === "service" ? t(user.tokens ? "access.users.token" : "access.users.no_token") : t("access.users.sessions", { count: user.sessions }))) },
    { key: "since", label: t("access.users.since"), cell: (user) => day(user.created_at.slice(0, 10).replaceAll("-", ""), languageNow()) },
    { key: "do", label: t("access.users.actions"), cell: (user) => h("div", { class: "row" },
      button({ label: t("access.users.change"), "aria-label": t("access.users.change.of", { name: user.name }), onclick: () => { show({ kind: "change", user }); changing.values.role = user.role; changed(); } })) },
  ] });
}

function dialogs() {
  if (!open) return null;
  return { add: addDialog, change: changeDialog, remove: removeDialog, token: tokenDialog }[open.kind]();
}

const close = () => show(null);

const roleSelect = (form, id, roles) => [
  select({ id, label: t("access.role"), value: form.values.role, choices: roles.map((role) => [role, t(`access.role.${role}`)]), onchange: (role) => { form.values.role = role; changed(); } }),
  h("p", { class: "hint" }, t(`access.role.${form.values.role}.text`)),
];

function addDialog() {
  const isService = adding.values.role === "service";
  return dialog({ id: "add-user", title: t("access.users.add"), onclose: close },
    formOf(adding, { id: "add-form", label: t("access.users.add"), fields: ["name", "password", "role"], onsend: add },
      textField(adding, "name", { id: "add-name", label: t("access.name"), hint: t("access.setup.name.hint"), autocapitalize: "none", "data-first": true }),
      ...roleSelect(adding, "add-role", users.length ? ROLES : ["administrator", ...ROLES.filter((role) => role !== "administrator")]),
      isService ? null : textField(adding, "password", { id: "add-password", label: t("access.password"), hint: t("access.password.hint"), type: "password", autocomplete: "new-password" })));
}

async function add() {
  let made = null;
  const taken = await send(adding, async ({ name, role, password }) => {
    made = await post("api/users", { name, role, ...(role === "service" ? {} : { password }) });
  });
  if (!taken) return;
  open = made.token ? { kind: "token", user: made, token: made.token } : null;
  if (!state.session.users) await readSession();
  else await again();
}

async function again() {
  const kept = open;
  await enter();
  open = kept;
  changed();
}

function changeDialog() {
  const { user } = open;
  const isService = user.role === "service";
  const act = (work) => () => done(work);
  return dialog({ id: "change-user", title: t("access.users.change.of", { name: user.name }), onclose: close },
    formOf(changing, { id: "change-form", label: isService ? t("access.users.new_token") : t("access.save"), fields: ["password", "role"], onsend: isService ? token : save,
      more: [
        button({ label: t(user.disabled ? "access.users.enable" : "access.users.disable"), onclick: act(() => post(`api/users/${part(user.name)}`, { disabled: !user.disabled })) }),
        button({ label: t("access.users.remove"), icon: "trash", kind: "danger", onclick: () => show({ kind: "remove", user }) }),
      ] },
    ...(isService ? [h("p", {}, t("access.users.new_token.text", { name: user.name }))] : [
      ...roleSelect(changing, "change-role", ROLES.filter((role) => role !== "service")),
      textField(changing, "password", { id: "change-password", label: t("access.password.new"), hint: t("access.password.hint"), type: "password", autocomplete: "new-password" }),
      h("p", { class: "hint" }, t("access.users.ends"))])));
}

async function done(work) {
  if (!await send(changing, work)) return;
  open = null;
  await readSession(); // it may have been one's own
  await again();
}

function save() {
  const { user } = open;
  const { role, password } = changing.values;
  const body = { ...(role !== user.role ? { role } : {}), ...(password ? { password } : {}) };
  return Object.keys(body).length ? done(() => post(`api/users/${part(user.name)}`, body)) : close();
}

async function token() {
  const { user } = open;
  let made = null;
  if (!await send(changing, async () => { made = await post(`api/users/${part(user.name)}/token`, {}); })) return;
  open = { kind: "token", user, token: made.token };
  await again();
}

function removeDialog() {
  const { user } = open;
  return dialog({ id: "remove-user", title: t("access.users.remove.of", { name: user.name }), onclose: close,
    actions: [button({ label: t("core.cancel"), kind: "quiet", onclick: close }),
      button({ label: t("access.users.remove"), icon: "trash", kind: "danger", busy: changing.busy, onclick: () => done(() => del(`api/users/${part(user.name)}`)), "data-first": true })] },
  h("p", {}, t("access.users.remove.text")), errorBanner(changing.error));
}

function tokenDialog() {
  const { user, token: secret, copied } = open;
  const copy = async () => {
    await navigator.clipboard.writeText(secret);
    open.copied = true;
    changed();
  };
  return dialog({ id: "token", title: t("access.token.title", { name: user.name }), onclose: close,
    actions: [
      // Without TLS a browser has no clipboard for a page; the token can be selected.
      navigator.clipboard ? button({ label: t(copied ? "access.token.copied" : "access.token.copy"), icon: copied ? "check" : "copy", onclick: copy }) : null,
      button({ label: t("core.close"), kind: "primary", onclick: close })].filter(Boolean) },
  banner({ kind: "warn", title: t("access.token.text") }),
  h("p", {}, h("code", { class: "token" }, `Authorization: Bearer ${secret}`)));
}

export const screen = { name: "users", route: "/users", within: "/system", title: "access.users.title", enter, leave, view };
