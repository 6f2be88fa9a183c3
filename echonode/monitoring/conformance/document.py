"""The statement as text: Markdown, which a terminal shows as well, and HTML.

Rules
- A table is of one kind of claims in one section, a row a claim; nothing else makes tables.
- Values come from a configuration: each is escaped for what it is written into.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Final

from echonode import __version__
from echonode.monitoring.conformance.claim import Claim
from echonode.monitoring.conformance.outline import DISCLAIMER, SECTIONS, TEXTS

TITLE: Final = f"EchoNode {__version__}: DICOM Conformance Statement"
_NOTHING: Final = "None in this configuration."
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;
color:#1b1f24}
h1{font-size:1.7rem}h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de;padding-bottom:.2rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem;font-size:.85rem}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{border:1px solid #d0d7de;padding:.25rem .5rem;text-align:left;vertical-align:top;
overflow-wrap:anywhere}
th{background:#f6f8fa}td:last-child{color:#57606a;font-family:ui-monospace,monospace;font-size:.75rem}
nav a{color:inherit}nav li{list-style:none}@media print{h2{break-after:avoid}tr{break-inside:avoid}}
"""


def _tables(claims: Sequence[Claim], section: str) -> Iterator[list[Claim]]:
    """The claims of a section, a list a kind."""
    own = [claim for claim in claims if claim.section == section]
    for _, of_kind in groupby(own, key=lambda each: each.kind.name):
        yield list(of_kind)


def _has_part(section: str) -> bool:
    """Whether it is only the head of others."""
    return any(number.startswith(f"{section}.") for number, _ in SECTIONS)


def _depth(section: str) -> int:
    return section.count(".")


def markdown(claims: Sequence[Claim]) -> str:
    """The whole document."""
    lines = [f"# {TITLE}", "", DISCLAIMER, "", f"{len(claims)} claims, each with a test."]
    for number, title in SECTIONS:
        lines += ["", f"{'#' * (2 + _depth(number))} {number} {title}"]
        if number in TEXTS:
            lines += ["", TEXTS[number]]
        tables = list(_tables(claims, number))
        if not tables and number not in TEXTS and not _has_part(number):
            lines += ["", _NOTHING]
        for rows in tables:
            kind = rows[0].kind
            lines += ["", f"**{kind.title}**", "", _line((*kind.columns, "id"))]
            lines.append("|" + "---|" * (len(kind.columns) + 1))
            lines += [_line((*row.values, f"`{row.id}`")) for row in rows]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    escaped = (
        cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for cell in cells
    )
    return f"| {' | '.join(escaped)} |"


def html(claims: Sequence[Claim]) -> str:
    """The whole document as one page without scripts and without anything from elsewhere."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(TITLE)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(TITLE)}</h1><p>{escape(DISCLAIMER)}</p>",
        f"<p>{len(claims)} claims, each with a test.</p><h2>2 Table of Contents</h2><nav><ul>",
        *(f'<li><a href="#s{n}">{n} {escape(title)}</a></li>' for n, title in SECTIONS),
        "</ul></nav>",
    ]
    for number, title in SECTIONS:
        level = 2 + min(_depth(number), 3)
        parts.append(f'<h{level} id="s{number}">{number} {escape(title)}</h{level}>')
        if number in TEXTS:
            parts.append(f"<p>{escape(TEXTS[number])}</p>")
        tables = list(_tables(claims, number))
        if not tables and number not in TEXTS and not _has_part(number):
            parts.append(f"<p>{_NOTHING}</p>")
        parts += [_table(rows) for rows in tables]
    return "\n".join([*parts, "</body></html>", ""])


def _table(rows: Sequence[Claim]) -> str:
    kind = rows[0].kind
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in (*kind.columns, "id"))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in (*row.values, row.id)) + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{escape(kind.title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
