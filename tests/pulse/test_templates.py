"""Every template compiles and keeps the rules that the content security policy enforces."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import find
from django.template.loader import get_template, render_to_string

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
NAMES = [str(path.relative_to(ROOT / "templates")) for path in TEMPLATES]

FORBIDDEN = {
    "an inline style": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style[\s>]", re.IGNORECASE),
    "an inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "hx-on": re.compile(r"\shx-on\b", re.IGNORECASE),
    "a javascript address": re.compile(r"javascript:", re.IGNORECASE),
    "a foreign asset": re.compile(
        r"<(?:script|img|link|iframe|source|use)[^>]*(?:src|href)\s*=\s*[\"']?(?:https?:)?//",
        re.IGNORECASE,
    ),
    "a positive tabindex": re.compile(r"tabindex\s*=\s*[\"']?[1-9]"),
    "autofocus": re.compile(r"\sautofocus\b"),
}
COMMENT = re.compile(r"{#.*?#}|{% comment %}.*?{% endcomment %}|<!--.*?-->", re.DOTALL)


def test_there_are_templates():
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_template_compiles(name):
    assert get_template(name) is not None


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_template_keeps_the_policy(path):
    text = COMMENT.sub("", path.read_text(encoding="utf-8"))
    found = [fault for fault, pattern in FORBIDDEN.items() if pattern.search(text)]
    assert found == []


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_scripts_have_a_source_or_carry_data(path):
    for tag in re.findall(r"<script\b[^>]*>", path.read_text(encoding="utf-8")):
        assert " src=" in tag or "application/json" in tag, tag


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_images_have_a_text_and_heads_a_scope(path):
    text = path.read_text(encoding="utf-8")
    assert [tag for tag in re.findall(r"<img\b[^>]*>", text) if " alt=" not in tag] == []
    assert [tag for tag in re.findall(r"<th\b[^>]*>", text) if " scope=" not in tag] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=NAMES)
def test_posting_forms_carry_a_token(path):
    text = path.read_text(encoding="utf-8")
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, re.DOTALL):
        assert "csrf_token" in form, form[:120]


@pytest.mark.parametrize(
    "bad",
    ['<p style="x">', "<p onclick=x>", '<img src="//cdn.example/a.png">', "<style>p{}</style>"],
)
def test_the_rules_catch_what_they_are_for(bad):
    assert any(pattern.search(bad) for pattern in FORBIDDEN.values())


def test_every_icon_that_is_used_is_in_the_sprite():
    sprite = (ROOT / "static/img/icons.svg").read_text(encoding="utf-8")
    known = set(re.findall(r'id="([a-z]+)"', sprite))
    used = set()
    for path in TEMPLATES:
        used |= set(re.findall(r'{% icon "([a-z]+)"', path.read_text(encoding="utf-8")))
    assert used - known == set()


def test_static_files_that_templates_name_exist():
    named = set()
    for path in TEMPLATES:
        named |= set(re.findall(r"{% static '([^']+)' %}", path.read_text(encoding="utf-8")))
    assert named
    assert [name for name in sorted(named) if find(name) is None] == []


@pytest.mark.parametrize("code", [403, 404, 500, 503])
def test_error_pages_need_no_request(code):
    body = render_to_string(f"{code}.html", {"request_id": "abc123"})
    assert "abc123" in body
    assert "<h1>" in body
