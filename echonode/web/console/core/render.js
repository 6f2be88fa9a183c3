// Draws the page: a view is a pure function that describes elements; `mount` makes the page so.
//
// Rules
// - h(tag, props, ...children) describes one element. Children: descriptions, texts, numbers, arrays;
//   null, undefined and false are left out.
// - Values reach the page as text only. There is no way to give markup. Texts, and the attributes that a
//   person reads or hears, are made harmless (plain-text.js).
// - Give `key` to each child of a list that changes: an element keeps its focus, scroll and typing.
// - Props: class, id, any attribute (false and null leave it out), onclick and other on... handlers,
//   value, checked, disabled, style as an object of CSS properties ({"--depth": "3"}; CSP allows no text),
//   ref: called with the element once it is in the page; what it returns is called when it is removed.
//   own: true leaves the element's children to the code that took it by `ref` (a canvas, a chart).
// - mount(root, view) returns redraw(): many calls in one turn are one drawing.

import { shown } from "./plain-text.js";

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "rect", "line", "g", "polyline", "polygon", "ellipse", "text"]);
const AS_PROPERTY = new Set(["value", "checked", "disabled", "indeterminate", "selected", "muted"]);

export function h(tag, props, ...children) {
  return { tag, props: props ?? {}, key: props?.key, children: flat(children) };
}

function flat(children) {
  const found = [];
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true) continue;
    found.push(typeof child === "object" ? child : { text: shown(child) });
  }
  return found;
}

export function mount(root, view) {
  let before = [];
  let waiting = false;
  const removals = new WeakMap(); // element -> what its ref returned

  function redraw() {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      const placed = [];
      const next = flat([view()]);
      patchChildren(root, before, next, { removals, placed });
      before = next;
      for (const [element, ref] of placed) {
        const undo = ref(element);
        if (typeof undo === "function") removals.set(element, undo);
      }
    });
  }

  redraw();
  return redraw;
}

// Makes the children of `parent`, described by `before`, those that `next` describes.
function patchChildren(parent, before, next, page) {
  const keyed = new Map();
  const free = [];
  for (const old of before) (old.key === undefined ? free.push(old) : keyed.set(old.key, old));
  let turn = 0;
  const used = new Set();
  const pairs = next.map((description) => {
    let old;
    if (description.key !== undefined) old = keyed.get(description.key);
    else {
      const at = free.findIndex((each, index) => index >= turn && same(each, description));
      if (at >= 0) {
        old = free[at];
        turn = at + 1;
      }
    }
    if (old && same(old, description) && !used.has(old)) used.add(old);
    else old = undefined;
    return [old, description];
  });
  for (const old of before) if (!used.has(old)) remove(old, page);
  let place = parent.firstChild;
  for (const [old, description] of pairs) {
    const element = old ? update(old, description, page) : make(description, page);
    if (element === place) place = place.nextSibling;
    else parent.insertBefore(element, place);
  }
}

const same = (one, other) => one.tag === other.tag && one.key === other.key;

function make(description, page) {
  if (description.tag === undefined) {
    description.element = document.createTextNode(description.text);
    return description.element;
  }
  const element = SVG_TAGS.has(description.tag)
    ? document.createElementNS(SVG, description.tag)
    : document.createElement(description.tag);
  description.element = element;
  if (!description.props.own) patchChildren(element, [], description.children, page);
  setProps(element, {}, description.props);
  if (description.props.ref) page.placed.push([element, description.props.ref]);
  return element;
}

function update(old, description, page) {
  const element = old.element;
  description.element = element;
  if (description.tag === undefined) {
    if (old.text !== description.text) element.data = description.text;
    return element;
  }
  if (!description.props.own) patchChildren(element, old.children, description.children, page);
  setProps(element, old.props, description.props);
  return element;
}

function remove(old, page) {
  leave(old, page);
  old.element.remove();
}

// Children first: a dialog closes once what is in it has let go.
function leave(old, page) {
  for (const child of old.children ?? []) leave(child, page);
  const undo = page.removals.get(old.element);
  if (undo) {
    page.removals.delete(old.element);
    undo();
  }
}

const READ = new Set(["title", "alt", "placeholder", "aria-label", "aria-description", "aria-valuetext", "data-label"]);
const NOT_SET = new Set(["key", "ref", "own"]);

function setProps(element, before, next) {
  for (const name of Object.keys(before)) {
    if (!(name in next) && !NOT_SET.has(name)) setProp(element, name, before[name], undefined);
  }
  for (const [name, value] of Object.entries(next)) {
    if (!NOT_SET.has(name)) setProp(element, name, before[name], value);
  }
}

function setProp(element, name, before, value) {
  if (name.startsWith("on")) {
    const event = name.slice(2);
    if (before === value) return;
    if (before) element.removeEventListener(event, before);
    if (value) element.addEventListener(event, value);
  } else if (AS_PROPERTY.has(name)) {
    // Compared with the element itself: a person may have typed meanwhile.
    if (element[name] !== (value ?? "")) element[name] = value ?? (name === "value" ? "" : false);
  } else if (name === "style") {
    setStyle(element, before ?? {}, value ?? {});
  } else if (before !== value) {
    if (value === undefined || value === null || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : READ.has(name) ? shown(value) : String(value));
  }
}

function setStyle(element, before, next) {
  for (const name of Object.keys(before)) if (!(name in next)) element.style.removeProperty(name);
  for (const [name, value] of Object.entries(next)) {
    if (before[name] !== value) element.style.setProperty(name, String(value));
  }
}
