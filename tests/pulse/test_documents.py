"""Documents as pages: headings with addresses, tables that scroll, no raw HTML."""

from __future__ import annotations

from pathlib import Path

from django.test import Client

from pulse import documents
from quant.fields import FIELDS
from quant.status import Status

ROOT = Path(__file__).resolve().parents[2]


def made(tmp_path: Path, text: str) -> documents.Document:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return documents.page(path)


def test_headings_have_addresses_and_the_first_is_the_title(tmp_path):
    page = made(tmp_path, "# All\n\n## A vendor's figures\n\ntext\n\n### Deeper\n")
    assert page.title == "All"
    assert page.sections == [("a-vendors-figures", "A vendor's figures")]
    assert '<h2 id="a-vendors-figures">' in page.body
    assert "<h1>" not in page.body


def test_tables_scroll_and_html_is_text(tmp_path):
    page = made(tmp_path, "| a | b |\n| --- | --- |\n| 1 | <script>x</script> |\n\n```\n<b>\n```\n")
    assert 'tabindex="0" aria-label="Table 1"><table class="table">' in page.body
    assert "<script>" not in page.body
    assert "&lt;b&gt;" in page.body


def test_the_conventions_name_every_greek_and_status():
    page = documents.page(ROOT / "docs" / "quant.md")
    for name in FIELDS:
        assert f"<code>{name}</code>" in page.body or name in page.body
    for status in Status:
        assert status.text in page.body, status


def test_everybody_may_read_them(client: Client, db):
    answer = client.get("/conventions/")
    assert answer.status_code == 200
    assert "<h1>Conventions" in answer.content.decode()


def test_links_from_the_pages_lead_to_a_section():
    page = documents.page(ROOT / "docs" / "quant.md")
    anchors = {section.anchor for section in page.sections}
    for template in (ROOT / "templates").rglob("*.html"):
        for part in template.read_text().split("{% url 'conventions' %}#")[1:]:
            assert part.split('"')[0] in anchors, template
