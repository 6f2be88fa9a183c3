"""The console in Debian's Chromium, by Playwright: a page as a person has it, and what it did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.peers.programs import find_program

# The sizes that the console is looked at in: desk, tablet held upright, phone.
SIZES = {"desk": (1280, 800), "tablet": (800, 1280), "phone": (390, 844)}
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_ALONE = ("--disable-component-update", "--disable-sync")

_CUT = """() => {
  const has = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= has) return [];
  const beyond = (each) => each.getBoundingClientRect().right > has + 1;
  return [...document.querySelectorAll("main *, header *")].filter(beyond)
    .map((each) => `<${each.localName} class="${each.className}">`).slice(0, 5);
}"""


@contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """Chromium without a window. more: its arguments. Raises PeerMissing."""
    program = find_program("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=[*_QUIET, *_ALONE, *more]
        )
        try:
            yield started
        finally:
            started.close()


class Visit:
    """One person's page of a node, and everything that went wrong on it."""

    def __init__(
        self,
        started: Browser,
        address: str,
        *,
        size: str = "desk",
        theme: str = "dark",
        touch: bool = False,
        locale: str = "en-GB",
    ) -> None:
        width, height = SIZES[size]
        self.address = address
        self.context: BrowserContext = started.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            reduced_motion="reduce",
            has_touch=touch,
        )
        self.context.add_init_script(
            f"if (location.protocol !== 'about:' && !localStorage.getItem('echonode.settings')) "
            f"localStorage.setItem('echonode.settings', JSON.stringify({{theme: '{theme}'}}));"
        )
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.elsewhere: list[str] = []
        host = urlsplit(address).netloc
        self.page.on("dialog", self._on_dialog)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("console", self._on_console)
        self.page.on(
            "request",
            lambda request: (
                self.elsewhere.append(request.url)
                if urlsplit(request.url).netloc not in ("", host)
                else None
            ),
        )

    def _on_dialog(self, dialog: object) -> None:
        self.faults.append(f"dialog: {dialog}")
        dialog.dismiss()  # type: ignore[attr-defined]  # of Playwright

    def _on_console(self, message: object) -> None:
        text = message.text  # type: ignore[attr-defined]  # of Playwright
        if "Content Security Policy" in text or "Refused to" in text:
            self.faults.append(f"policy: {text}")

    def open(self, route: str) -> Page:
        """Go to a screen: "/outbox"."""
        self.page.goto(f"{self.address}/#{route}")
        self.page.wait_for_selector("main h1, main [data-screen-ready]")
        return self.page

    def cut(self) -> list[str]:
        """The elements that the page has no width for; none where no one must scroll sideways."""
        found: list[str] = self.page.evaluate(_CUT)
        return found

    def close(self) -> None:
        """End the visit."""
        self.context.close()


@contextmanager
def visit(
    started: Browser,
    address: str,
    *,
    size: str = "desk",
    theme: str = "dark",
    locale: str = "en-GB",
) -> Iterator[Visit]:
    """A person's page, closed at the end."""
    made = Visit(started, address, size=size, theme=theme, locale=locale)
    try:
        yield made
    finally:
        made.close()
