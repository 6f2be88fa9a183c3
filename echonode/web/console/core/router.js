// Which screen is shown: the address behind `#`.
//
// Rules
// - A screen's route is "/scan/:exam"; view(context) finds context.params.exam. No patient data in it.
// - link("/scan", id) gives the href; go("/scan", id) changes to it.
// - leave() of the old screen runs before enter(context) of the new one; both are optional.
// - A screen is entered only while isOpen(screen): behind a log-in it is left. settle() looks again.
// - What no screen has shows the first screen.

let screens = [];
let current = null;
let entered = null;
let changedTo = () => {};
let isOpen = () => true;

export function link(path, ...parts) {
  return `#${[path, ...parts.map((each) => encodeURIComponent(String(each)))].join("/")}`;
}

export function go(path, ...parts) {
  location.hash = link(path, ...parts);
}

// As go, without a step in the history.
export function replace(path, ...parts) {
  location.replace(link(path, ...parts));
}

export const route = () => current;

// Whether a screen has that address: a link to one that is not there is not drawn.
export const leads = (path, ...parts) => match(screens, link(path, ...parts)) !== null;

export function startRouter(all, changed, open = () => true) {
  screens = all;
  changedTo = changed;
  isOpen = open;
  addEventListener("hashchange", follow);
  follow();
}

// {screen, params} of an address; null where no screen has it.
export function match(all, hash) {
  const wanted = hash.replace(/^#/, "").split("/").filter(Boolean);
  for (const screen of all) {
    const parts = screen.route.split("/").filter(Boolean);
    if (parts.length !== wanted.length) continue;
    const params = {};
    const fits = parts.every((each, index) => {
      if (!each.startsWith(":")) return each === wanted[index];
      try {
        params[each.slice(1)] = decodeURIComponent(wanted[index]);
      } catch {
        return false;
      }
      return true;
    });
    if (fits) return { screen, params };
  }
  return null;
}

function follow() {
  const found = match(screens, location.hash) ?? { screen: screens[0], params: {} };
  current = found;
  settle();
  changedTo(found);
}

export function settle() {
  const wanted = current && isOpen(current.screen) ? current : null;
  if (entered === wanted) return;
  entered?.screen.leave?.();
  entered = wanted;
  wanted?.screen.enter?.(wanted);
}
