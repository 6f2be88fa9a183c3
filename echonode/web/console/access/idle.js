// Locks the session when no one touches the page for as long as the node says.
//
// Rules
// - A touch in one tab counts for all of them: they share the session.
// - The node itself locks a session that asks nothing for so long, as of a tablet that sleeps.
// - What the node captures goes on: only this page is locked.

const STORE = "echonode.touched";
const LOOK_MS = 2000;
const TOUCHES = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

export const isIdle = (touchedAt, now, afterS) => typeof afterS === "number" && now - touchedAt >= afterS * 1000;

// locksAfter(): seconds, or null for never and for a page without a session. lock(): called each time it is due.
export function watchIdle({ locksAfter, lock }) {
  let touchedAt = Date.now();
  let shared = 0;
  const touched = () => {
    touchedAt = Date.now();
    if (touchedAt - shared < LOOK_MS) return;
    shared = touchedAt;
    try {
      localStorage.setItem(STORE, String(touchedAt));
    } catch { /* a private window: this tab alone */ }
  };
  const elsewhere = () => {
    try {
      const at = Number(localStorage.getItem(STORE));
      return at <= Date.now() ? at : 0;
    } catch {
      return 0;
    }
  };
  for (const each of TOUCHES) addEventListener(each, touched, { passive: true, capture: true });
  setInterval(() => {
    if (isIdle(Math.max(touchedAt, elsewhere()), Date.now(), locksAfter())) lock();
  }, LOOK_MS);
  return touched;
}
