// The depth scale next to the picture; where there is none, a button that says why, and what to set.
import { button, dialog, withCommands } from "../core/parts.js";
import { changed } from "../core/state.js";
import { h } from "../core/render.js";
import { icon } from "../core/icons.js";
import { t } from "../core/words.js";
import { depthMarks, depthUnit, depthWord, noScaleKey, scaleOf } from "./geometry.js";
import { shown, theGeometry } from "./picture.js";

let asked = false; // whether a person asks why there is no scale

function ask(value) {
  asked = value;
  changed();
}

export function depthScale() {
  const geometry = theGeometry();
  const marks = depthMarks(geometry, shown.height);
  if (!marks.length) return geometry && shown.height ? noScale() : null;
  const scale = scaleOf(geometry);
  const unit = depthUnit(scale.mm);
  const label = t(`scan.depth.${scale.from}`, { unit });
  return h("div", { class: "depth", role: "img", "aria-label": label, title: label },
    ...marks.map((mark) => h("span", { key: mark.mm, class: mark.major ? "tick major" : "tick", style: { "--at": mark.y } },
      mark.major ? h("span", { class: "tick-word" }, mark.mm === 0 ? unit : depthWord(mark.mm, scale.mm)) : null)));
}

const noScale = () => h("button", { type: "button", class: "no-scale", title: t("scan.no_scale"), "aria-haspopup": "dialog", onclick: () => ask(true) },
  icon("unknown", 16), h("span", {}, t("scan.no_scale")));

export function noScaleDialog() {
  const geometry = theGeometry();
  if (!asked || !geometry || depthMarks(geometry, shown.height).length) return null;
  const close = () => ask(false);
  return dialog({ id: "no-scale", title: t("scan.no_scale.title"), onclose: close, actions: [button({ label: t("core.close"), kind: "primary", onclick: close, "data-first": true })] },
    h("p", {}, ...withCommands(t(noScaleKey(geometry)))), h("p", { class: "hint" }, t("scan.no_scale.means")));
}
