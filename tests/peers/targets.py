"""What a finger must hit and a keyboard must reach, on a page as it stands."""

from __future__ import annotations

from playwright.sync_api import Page, expect

TARGET_PX = 44
MOST_TABS = 120  # more presses than any screen has stops
_MEASURE = """(least) => {
  const room = document.querySelector("dialog[open]") ?? document;
  const controls = "button, a[href], input:not([type=hidden]), select, textarea, summary, "
    + "[role=button], [role=slider]";
  const isSeen = (each) => !each.closest("[inert], [aria-hidden=true]")
    && each.checkVisibility({visibilityProperty: true});
  // A link within a sentence is as high as its line (WCAG 2.5.8, inline).
  const isInline = (each) => each.localName === "a" && !each.classList.contains("button")
    && each.closest("p, li > span, td p");
  const small = [];
  for (const each of room.querySelectorAll(controls)) {
    if (!isSeen(each) || isInline(each)) continue;
    const parts = [each, each.closest("label"), ...(each.labels ?? [])].filter(Boolean);
    const boxes = parts.map((one) => one.getBoundingClientRect());
    // What is drawn outside the page, a link to skip to the content, shows once it has the focus.
    if (boxes.every((box) => box.bottom <= 0 || box.width <= 1)) continue;
    const fits = (box) => box.width >= least - 0.5 && box.height >= least - 0.5;
    if (boxes.some(fits)) continue;
    const name = (each.ariaLabel || each.textContent || each.id).trim().slice(0, 40);
    const size = `${boxes[0].width.toFixed(0)} x ${boxes[0].height.toFixed(0)}`;
    small.push(`${each.localName}.${each.className} "${name}": ${size}`);
  }
  return small;
}"""
_FOCUSED = """() => {
  const each = document.activeElement;
  const style = getComputedStyle(each);
  const box = each.getBoundingClientRect();
  const label = each.labels?.[0]?.textContent ?? "";
  const drawn = style.outlineStyle !== "none" || style.boxShadow !== "none";
  return {
    name: (each.ariaLabel || label || each.textContent || "").replace(/\\s+/g, " ").trim(),
    role: each.getAttribute("role") ?? each.localName,
    // Day, month, year and calendar of a date are stops of the browser's own, which draws each.
    seen: each.type === "date" || (each.matches(":focus-visible") && drawn),
    within: box.top < innerHeight && box.bottom > 0 && box.left < innerWidth && box.right > 0,
  };
}"""


def small_targets(page: Page) -> list[str]:
    """The controls that are not 44 x 44 CSS pixels, with the label that belongs to them."""
    found: list[str] = page.evaluate(_MEASURE, TARGET_PX)
    return found


def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until the control whose name begins so has the focus; each stop must be seen.

    Raises AssertionError where no stop has it, the focus is not drawn, or it lies off the screen.
    """
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        at = page.evaluate(_FOCUSED)
        if at["role"] == "body":
            continue  # the browser's own frame lies between the last stop and the first
        passed.append(at["name"])
        assert at["seen"], f"no focus is drawn at {at}"
        assert at["within"], f"the focus is off the screen at {at}"
        if at["name"].startswith(name):
            return
    raise AssertionError(f"no press of Tab leads to {name}: {passed}")


def press_at(page: Page, name: str, key: str = "Enter") -> None:
    """Go to a control by Tab and press a key at it."""
    tab_to(page, name)
    page.keyboard.press(key)


def focus_is_in_dialog(page: Page) -> bool:
    """Whether the open dialog has the focus, as a modal one must."""
    expect(page.get_by_role("dialog")).to_be_visible()
    return bool(
        page.evaluate("document.querySelector('dialog[open]').contains(document.activeElement)")
    )
