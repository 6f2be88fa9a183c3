// Who is logged in, in the settings: PIN, password, lock and log-out; and the button that locks.
import { banner, button, iconButton } from "../core/parts.js";
import { changed, state } from "../core/state.js";
import { formOf, newForm, send, textField } from "./forms.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { lock, logOut, setPassword, setPin } from "./session.js";
import { t } from "../core/words.js";

const pin = newForm({ pin: "" });
const password = newForm({ old: "", new: "" });
let open = ""; // "pin", "password", or the done words of one
let done = "";

// For the top of each screen; null where no one is logged in.
export const lockButton = () => (state.session.user ? iconButton({ label: t("access.lock.now"), icon: "lock", onclick: lock }) : null);

// close(): ends the dialog that it stands in.
export function accountSection(close) {
  const { user, has_pin: hasPin } = state.session;
  if (!user) return null;
  const show = (name) => () => { open = open === name ? "" : name; done = ""; pin.reset(); password.reset(); changed(); };
  return h("section", { class: "account", "aria-labelledby": "account-title" },
    h("div", { class: "account-who" }, icon("user"),
      h("h3", { id: "account-title" }, t("access.account.as", { name: user.name, role: t(`access.role.${user.role}`) }))),
    h("div", { class: "row" },
      button({ label: t("access.lock.now"), icon: "lock", onclick: () => { close(); lock(); } }),
      button({ label: t(hasPin ? "access.pin.change" : "access.pin.set"), onclick: show("pin"), "aria-expanded": String(open === "pin") }),
      button({ label: t("access.password.change"), onclick: show("password"), "aria-expanded": String(open === "password") }),
      button({ label: t("access.logout"), onclick: () => { close(); logOut(); } })),
    done ? banner({ kind: "good", role: "status", title: t(`access.${done}.done`) }) : null,
    open === "pin" ? pinForm() : null,
    open === "password" ? passwordForm() : null);
}

const finish = (name) => { open = ""; done = name; changed(); };

const pinForm = () => formOf(pin, { id: "pin-form", label: t("access.save"), fields: ["pin"],
  onsend: async () => { if (await send(pin, (values) => setPin(values.pin))) finish("pin"); } },
textField(pin, "pin", { id: "pin", label: t("access.lock.pin"), hint: t("access.pin.hint"), type: "password", inputmode: "numeric", maxlength: "8", autocomplete: "off" }));

const passwordForm = () => formOf(password, { id: "password-form", label: t("access.save"), fields: ["old", "new"],
  onsend: async () => { if (await send(password, (values) => setPassword(values.old, values.new))) finish("password"); } },
textField(password, "old", { id: "password-old", label: t("access.password.old"), type: "password", autocomplete: "current-password" }),
textField(password, "new", { id: "password-new", label: t("access.password.new"), hint: t("access.password.hint"), type: "password", autocomplete: "new-password" }));
