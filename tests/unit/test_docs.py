"""The pages for readers: their links lead somewhere, and what GitHub makes of them is well formed."""

import re
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

LEFT_OUT = {".venv", ".pytest_cache", "node_modules", "runs"}
TEMPLATE = ROOT / "training" / "model_card.md"  # of a page that has its pictures beside it only on the Hub
PAGES = sorted(path for path in ROOT.rglob("*.md") if path != TEMPLATE and not LEFT_OUT & {*path.relative_to(ROOT).parts})
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\))?)\)|(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(path)), re.M)
    plain = [re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file_and_a_heading_of_it(page):
    wrong = []
    for link in [one or other for one, other in LINK.findall(FENCE.sub("", text_of(page)))]:
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_links_are_found():
    assert len(LINK.findall(text_of(ROOT / "README.md"))) > 20


def test_every_page_of_the_docs_is_linked_from_the_readme():
    readme = text_of(ROOT / "README.md")
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"(docs/{path.name}" not in readme] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_has_what_github_asks_of_it(form):
    form = yaml.safe_load(text_of(form))
    assert {"name", "description", "body"} <= set(form)
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked) > 0
    for field in form["body"]:
        assert field["type"] in ("markdown", "input", "textarea", "dropdown", "checkboxes")
        assert "value" in field["attributes"] if field["type"] == "markdown" else "label" in field["attributes"]
        assert ("options" in field["attributes"]) == (field["type"] in ("dropdown", "checkboxes"))


def test_dependabot_waits_until_a_release_is_a_week_old():
    updates = yaml.safe_load(text_of(ROOT / ".github" / "dependabot.yml"))["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions", "docker"}
    assert all(update["cooldown"]["default-days"] >= 7 for update in updates)


def test_the_newest_version_of_the_changelog_is_that_of_the_project():
    newest = re.search(r"^## \[(\d.+?)\] - \d{4}-\d\d-\d\d$", text_of(ROOT / "CHANGELOG.md"), re.M)[1]
    assert f'version = "{newest}"' in text_of(ROOT / "pyproject.toml")
