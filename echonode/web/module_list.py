"""Which JavaScript modules a page loads, found in their import statements.

Why: a browser learns of a module when it has read the one that imports it, so that a page of many
small modules waits for the network once for each level. A list in the page (HTML, `modulepreload`)
lets it ask for all of them at once.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

# At the start of a line: import ... from "./x.js"; export ... from "./x.js"; import "./x.js";
_IMPORT = re.compile(r'^(?:import|export)\b[^;]*?"(\.{1,2}/[^"]+)";', re.MULTILINE)
_ENTRY = re.compile(r'^<script type="module" src="([^"]+)"></script>$', re.MULTILINE)


def modules_of(entry: str, sources: Mapping[str, str]) -> list[str]:
    """Those that `entry` leads to, itself first, each once; by breadth, as a browser meets them.

    sources: path -> text. Raises KeyError for an import of a file that is not there.
    """
    found = [entry]
    for path in found:  # it grows meanwhile
        for name in _IMPORT.findall(sources[path]):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if target not in found:
                found.append(target)
    return found


def with_module_list(page: str, folder: str, sources: Mapping[str, str]) -> str:
    """The page with a `modulepreload` for each module of its entry, a line above the entry's own.

    folder: what the addresses in the page have before the paths of `sources`.
    """
    entry = _ENTRY.search(page)
    if entry is None or not entry[1].startswith(folder):
        raise ValueError("the page has no module script of that folder")
    modules = modules_of(entry[1].removeprefix(folder), sources)
    links = "".join(f'<link rel="modulepreload" href="{folder}{path}">\n' for path in modules)
    return f"{page[: entry.start()]}{links}{page[entry.start() :]}"
