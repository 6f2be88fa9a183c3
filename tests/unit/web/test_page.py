"""The console's files come from the node alone, whole, and hold nothing that could be markup."""

from __future__ import annotations

import itertools
import re
from pathlib import PurePosixPath

import pytest

from echonode.web.module_list import modules_of, with_module_list
from echonode.web.page import MEDIA_TYPES, console_files, page_routes
from tests.unit.web.conftest import Serve

FILES = dict(console_files())
SCRIPTS = sorted(path for path in FILES if path.endswith(".js"))


def address(path: str) -> str:
    return "/" if path == "index.html" else f"/console/{path}"


@pytest.mark.slow
def test_every_file_is_served_as_what_it_is(serve: Serve) -> None:
    """No file needs another host: a machine without internet shows the whole console."""
    browser = serve(page_routes())
    assert {"index.html", "main.js", "core/render.js", "styles/tokens.css"} <= FILES.keys()
    for path in FILES:
        answer = browser.ask(address(path))
        kind = MEDIA_TYPES[PurePosixPath(path).suffix]
        assert answer.status == 200, path
        assert answer.headers["content-type"].startswith(kind), path
        for outside in (b"https://", b"http://"):
            assert outside not in answer.body.replace(b"http://www.w3.org/2000/svg", b""), path


def test_a_browser_loads_a_file_once(serve: Serve) -> None:
    """It asks again, and the node answers in a few bytes that the file is the same."""
    browser = serve(page_routes())
    first = browser.ask("/console/main.js")
    again = browser.ask("/console/main.js", if_none_match=f'"other", W/{first.headers["etag"]}')
    assert (again.status, again.body) == (304, b"")
    assert first.headers["cache-control"] == "no-cache"
    changed = browser.ask("/console/main.js", if_none_match='"other"')
    assert (changed.status, changed.body) == (200, first.body)


def test_the_start_page_lists_every_module_that_it_leads_to(serve: Serve) -> None:
    """A browser asks for all at once, and does not wait for each level of imports."""
    page = serve(page_routes()).ask("/").body.decode()
    listed = re.findall(r'<link rel="modulepreload" href="console/([^"]+)">', page)
    assert listed[0] == "main.js"
    assert page.index(listed[-1]) < page.index('<script type="module"')
    # core/first.js is no module; the rest is imported by another.
    assert sorted(listed) == [path for path in SCRIPTS if path != "core/first.js"]


def test_modules_are_listed_by_breadth_and_once() -> None:
    """Imports of every form; a circle has an end."""
    sources = {
        "a.js": 'import {\n  x,\n} from "./b/c.js";\nimport "./d.js";\nconst y = "./no.js";\n',
        "b/c.js": 'export { z } from "../e.js";\nimport { q } from "../a.js";\n',
        "d.js": '// import from "./no.js";\n',
        "e.js": "",
    }
    assert modules_of("a.js", sources) == ["a.js", "b/c.js", "d.js", "e.js"]
    with pytest.raises(KeyError):
        modules_of("a.js", {"a.js": 'import "./gone.js";'})
    with pytest.raises(ValueError, match="no module script"):
        with_module_list("<html></html>", "console/", sources)


@pytest.mark.parametrize("path", ["/console/", "/console/core", "/console/../page.py", "/main.js"])
def test_nothing_else_is_served(serve: Serve, path: str) -> None:
    """No folder, and no way out of it."""
    assert serve(page_routes()).ask(path).status == 404


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_script_writes_values_as_text_only(path: str) -> None:
    """No value from a network can become markup or script: the page has no way to make any."""
    script = FILES[path].read_text(encoding="utf-8")
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "srcdoc",
    ):
        assert way not in script


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_script_imports_files_that_are_there(path: str) -> None:
    """A page with one wrong import is an empty page."""
    script = FILES[path].read_text(encoding="utf-8")
    for name in re.findall(
        r'^(?:import|export) .*?from "([^"]+)";', script, re.MULTILINE | re.DOTALL
    ):
        target = PurePosixPath(path).parent
        for step in name.split("/"):
            target = target.parent if step == ".." else target / step if step != "." else target
        assert target.as_posix() in FILES, name


def test_the_start_page_has_nothing_inline() -> None:
    """The Content-Security-Policy allows none; each file that it names is there."""
    page = FILES["index.html"].read_text(encoding="utf-8")
    assert not re.search(r"<script[^>]*>[^<]", page)
    assert not re.search(r"<[^>]+ (?:style|on[a-z]+)=", page)
    for path in re.findall(r'(?:src|href)="console/([^"]+)"', page):
        assert path in FILES


@pytest.mark.parametrize("path", sorted(path for path in FILES if path.endswith(".css")))
def test_a_style_turns_with_the_script(path: str) -> None:
    """Logical properties alone: a language that is written from right to left needs no other."""
    style = re.sub(r"/\*.*?\*/", "", FILES[path].read_text(encoding="utf-8"), flags=re.DOTALL)
    sides = r"(?:margin|padding|border)-(?:left|right)|[;{\s](?:left|right):|align: (?:left|right)"
    assert not re.findall(sides, style)


def test_no_two_screens_style_one_name() -> None:
    """All style sheets are loaded at once: a name of one screen would change another."""
    shared, screens = set(), {}
    for path, file in FILES.items():
        if path.endswith(".css"):
            whole = file.read_text(encoding="utf-8")
            names = set(re.findall(r"^\s*\.([a-z-]+)\s*[{,:]", whole, re.MULTILINE))
            if path.startswith("styles/"):
                shared |= names
            else:
                screens[path] = names
    for one, other in itertools.combinations(screens, 2):
        assert (screens[one] & screens[other]) - shared == set(), (one, other)


# What names a side of the screen and not of the text (CSS Logical Properties 1).
SIDED = re.compile(
    r"(?<![-\w])(?:(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right)[-a-z]*"
    r"|border-(?:top|bottom)-(?:left|right)-radius|left|right)\s*:"
    r"|(?:text-align|float|clear)\s*:\s*(?:left|right)\b"
)


@pytest.mark.parametrize("path", sorted(path for path in FILES if path.endswith(".css")))
def test_no_style_names_a_side_of_the_screen(path: str) -> None:
    """In a language that runs from right to left each page is its own mirror image."""
    assert SIDED.findall(FILES[path].read_text(encoding="utf-8")) == []


def test_a_style_that_names_a_side_is_found() -> None:
    """So that the test above can fail."""
    for style in ("a { margin-left: 1px }", "a{left:0}", "a { text-align: right; }"):
        assert SIDED.search(style)
    assert not SIDED.search("a { margin-inline-start: 1px; inset-inline: 0; text-align: start }")
