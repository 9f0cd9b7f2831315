"""Documents of the repository as pages: Markdown without raw HTML, with a table of contents."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token


class Section(NamedTuple):
    """A heading of the second level and the address of its place."""

    anchor: str
    title: str


class Document(NamedTuple):
    """A document's title, its sections, and its body as HTML."""

    title: str
    sections: list[Section]
    body: SafeString


def anchor(title: str) -> str:
    """Return the address of a heading: its letters and digits, joined by hyphens."""
    plain = title.lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


@lru_cache(maxsize=8)
def page(path: Path) -> Document:
    """Return a document; it does not change while the process lives."""
    writer = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = writer.parse(path.read_text(encoding="utf-8"))
    title, sections = path.stem, []
    kept: list[Token] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            words = tokens[place + 1].content
            if token.tag == "h1":
                title = words
            else:
                token.attrSet("id", anchor(words))
                if token.tag == "h2":
                    sections.append(Section(anchor(words), words))
        kept.append(token)
    kept = _without_title(kept)
    _in_regions(writer)
    body = writer.renderer.render(kept, writer.options, {})
    return Document(title, sections, mark_safe(body))  # noqa: S308 - raw HTML is off


def _without_title(tokens: list[Token]) -> list[Token]:
    """Leave out the first heading, which the page shows itself."""
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return tokens[3:]
    return tokens


def _in_regions(writer: MarkdownIt) -> None:
    """Let tables and code scroll sideways by themselves on a narrow window."""

    def opened(_self: Any, tokens: Any, index: int, options: Any, env: dict[str, Any]) -> str:
        env["tables"] = env.get("tables", 0) + 1
        name = f"Table {env['tables']}"
        return (
            f'<div class="table-region" role="region" tabindex="0" aria-label="{name}">'
            '<table class="table">'
        )

    def closed(_self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        return "</table></div>"

    def cell(_self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        return '<th scope="col">'

    def code(_self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
        return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>'

    writer.add_render_rule("fence", code)
    writer.add_render_rule("table_open", opened)
    writer.add_render_rule("table_close", closed)
    writer.add_render_rule("th_open", cell)
