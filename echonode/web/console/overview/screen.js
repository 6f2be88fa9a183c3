// The node at one look: its probes, its archives, its alarms, and the latest images.
import { h } from "../core/render.js";
import { define } from "../core/words.js";
import { startOverview } from "./overview.js";
import { words } from "./words.js";

define(words);

const section = (id, title, className, content) =>
  h("section", { "aria-labelledby": `${id}-title`, class: className }, h("h2", { id: `${id}-title` }, title), content);
const list = (id, label) => h("ul", { id, own: true, class: "cards", "aria-label": label });

export const screen = {
  name: "overview",
  route: "/overview",
  title: "overview.title",
  nav: { icon: "system", order: 40 },
  view: () => h("div", { class: "old-overview", ref: startOverview },
    h("div", { class: "old-top" },
      h("h1", {}, "EchoNode"),
      h("p", { class: "quiet" }, "AE title ", h("span", { id: "ae-title", own: true })),
      h("p", { id: "verdict", class: "verdict", role: "status", "aria-live": "polite", own: true }),
      h("p", { id: "updated", class: "quiet", own: true })),
    h("ul", { id: "alarms", own: true, class: "cards alarms", "aria-label": "Alarms" }),
    h("div", { class: "old-main" },
      section("probes", "Probes", "", list("probes", "Probes")),
      section("destinations", "Archives", "", list("destinations", "Archives")),
      section("instances", "Latest images and clips", "wide", h("div", { id: "studies", own: true }))),
    h("p", { class: "quiet" }, h("span", { id: "facts", own: true }))),
};
