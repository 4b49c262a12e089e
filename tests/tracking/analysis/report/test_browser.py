"""The page as a browser shows it: quiet, whole, sortable, in both themes and at every width."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page

from tests.support.browser import Theme, Visit, headless_browser, visit
from tests.support.scored_trials import World, baseline, configuration, table_of, trial
from tests.tracking.analysis.report.conftest import HOSTILE, WrittenReport
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report import write_report
from tracking.analysis.report.details import hardest_ids
from tracking.analysis.report_context import ReportContext

THEMES: tuple[Theme, ...] = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_browser() as opened:
        yield opened


@pytest.fixture
def opened(browser: Browser, written: WrittenReport) -> Iterator[Visit]:
    opened = visit(browser, written.page)
    opened.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    yield opened
    opened.page.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_quiet_requests_nothing_and_fits(
    browser: Browser, written: WrittenReport, width: int, theme: Theme
) -> None:
    opened = visit(browser, written.page, width, theme)
    assert opened.complaints == []
    assert opened.requests == [written.page.as_uri()]
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    colours = opened.page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color].map("
        "colour => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"
    )
    ground, ink = colours if theme == "light" else colours[::-1]
    assert ground > 600
    assert ink < 150
    opened.page.close()


def test_the_result_and_its_figure_are_on_the_first_screen(browser: Browser, written: WrittenReport) -> None:
    opened = visit(browser, written.page)
    for selector in (".lead", "#result figure"):
        box = opened.page.locator(selector).bounding_box()
        assert box is not None
        assert box["y"] + min(box["height"], 300) < 800
    opened.page.close()


def test_every_table_and_figure_is_present(opened: Visit, written: WrittenReport) -> None:
    page = opened.page
    tables = {
        "attention_by_labels", "results", "tests", "not_compared", "folds_ua", "folds_wa", "recall", "costs", "scope",
        "importances", "missing", "settings_shared", "settings", "studies", "origins",
    }  # fmt: skip
    shown = page.eval_on_selector_all("section.table", "all => all.map(one => one.id)")
    assert tables <= set(shown)
    for name in shown:
        assert page.locator(f"#{name} tbody tr").count() > 0, name
    labels = page.eval_on_selector_all(
        "svg", "all => all.filter(one => one.getBoundingClientRect().height > 60).map(one => one.ariaLabel)"
    )
    assert all(labels)
    # Those of twelve variants and logistic regression, and a difference.
    assert sum("Confusion" in label for label in labels) == 14
    assert sum("Learning" in label for label in labels) == 12
    for start in (
        "UA of 10 rows",
        "UA against the baseline",
        "Reliability",
        "UA and WA of each test speaker",
        "Pooled UA over the scope",
        "Importance",
    ):
        assert any(label.startswith(start) for label in labels), start
    assert page.locator("#results tbody tr").count() == len(written.analysis.variants) + 1


def column(page: Page, table: str, index: int) -> list[str]:
    cells = page.eval_on_selector_all(
        f"#{table} tbody tr", f"rows => rows.map(row => row.cells[{index}].firstChild.textContent.trim())"
    )
    return [str(cell) for cell in cells]


def test_numbers_sort_by_value_with_missing_ones_last(opened: Visit) -> None:
    page = opened.page
    differences = page.locator("#results thead th", has_text="ΔUA")
    index = int(differences.evaluate("th => th.cellIndex"))
    differences.locator("button").click()
    assert differences.get_attribute("aria-sort") == "descending"
    shown = column(page, "results", index)
    known = [float(text.replace("−", "-")) for text in shown if text != "–"]
    assert known == sorted(known, reverse=True)
    assert len(known) > 5
    assert set(shown[len(known) :]) == {"–"}
    differences.locator("button").click()
    assert differences.get_attribute("aria-sort") == "ascending"
    again = column(page, "results", index)
    assert [float(text.replace("−", "-")) for text in again[: len(known)]] == sorted(known)
    assert set(again[len(known) :]) == {"–"}


def test_texts_and_p_values_sort_ascending_and_by_keyboard(opened: Visit) -> None:
    page = opened.page
    for table, title in (("results", "variant"), ("tests", "p joint")):
        heading = page.locator(f"#{table} thead tr:last-child th", has_text=title).first
        heading.locator("button").focus()
        page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == "ascending"
        assert page.locator(f"#{table} [aria-sort]").count() == 1
    names = column(page, "results", 0)
    assert names == page.evaluate(
        "names => [...names].sort((a, b) => a.localeCompare(b, undefined, {numeric: true}))", names
    )
    values = [float(text.replace("<", "")) for text in column(page, "tests", 4) if text != "–"]
    assert values == sorted(values)


def test_columns_below_a_group_sort_their_own_column(opened: Visit) -> None:
    page = opened.page
    button = page.get_by_role("button", name=re.compile("^phonemes UA"))
    button.click()
    heading = page.locator("#attention_by_labels [aria-sort]")
    index = int(heading.evaluate("th => th.cellIndex"))
    values = [float(re.sub("[*†‡]", "", text)) for text in column(page, "attention_by_labels", index) if text != "–"]
    assert values == sorted(values, reverse=True)
    assert len(values) > 4


def test_every_caveat_links_to_its_explanation(opened: Visit) -> None:
    page = opened.page
    targets = page.eval_on_selector_all(
        "a.mark", "all => all.map(one => document.querySelector(one.getAttribute('href'))?.innerText ?? '')"
    )
    assert targets
    assert all(len(text) > 60 for text in targets)


def test_a_link_opens_the_folded_part_that_it_leads_to(browser: Browser, written: WrittenReport) -> None:
    opened = visit(browser, written.page)
    assert opened.page.locator("#results").is_hidden()
    opened.page.locator("nav a", has_text="All scores").click()
    opened.page.locator("#results").wait_for(state="visible", timeout=2000)
    opened.page.close()


def test_a_recording_plays(browser: Browser, written: WrittenReport, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(12_000), 16_000, format="WAV", subtype="PCM_16")
    (utterance, *_) = hardest_ids(written.analysis)
    page = write_report(written.analysis, tmp_path, ReportContext(clips={utterance: buffer.getvalue()}))
    opened = visit(browser, page)
    script = "async player => { await player.play(); return [player.duration, player.paused] }"
    assert opened.page.locator("audio").evaluate(script) == [0.75, False]
    assert opened.complaints == []
    opened.page.close()


def test_the_demos_words_are_few(browser: Browser, tmp_path: Path) -> None:
    world = World(per_speaker=20)
    trials = [
        trial(world, configuration(name, labels=labels))
        for name in ("none", "quantum")
        for labels in ("words", "phonemes", "phonemes_x2")
    ]
    opened = visit(browser, write_report(analyse(table_of(*trials, baselines=(baseline(world),))), tmp_path))
    assert len(opened.page.inner_text("body").split()) <= 1200
    opened.page.close()


def test_texts_have_enough_contrast(browser: Browser, written: WrittenReport) -> None:
    """WCAG's contrast of 4.5 to 1, for every element with text of its own but SVG."""
    script = """() => {
      const channel = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
      const light = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
      const parts = text => text.match(/[\\d.]+/g).map(Number);
      const ground = node => {
        for (; node; node = node.parentElement) {
          const colour = parts(getComputedStyle(node).backgroundColor);
          if (colour.length < 4 || colour[3] > .9) return colour;
        }
        return [255, 255, 255];
      };
      const poor = [];
      for (const node of document.querySelectorAll("body *:not(svg *):not(script)")) {
        if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;
        const [a, b] = [light(parts(getComputedStyle(node).color)), light(ground(node))];
        const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (contrast < 4.5) poor.push(`${node.tagName}.${node.className}: ${contrast.toFixed(1)}`);
      }
      return [...new Set(poor)];
    }"""
    for theme in THEMES:
        opened = visit(browser, written.page, theme=theme)
        assert opened.page.evaluate(script) == []
        opened.page.close()


def test_the_printed_page_is_light_and_has_whole_tables(browser: Browser, written: WrittenReport) -> None:
    opened = visit(browser, written.page, theme="dark")
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.page.locator("nav").is_hidden()
    heights = opened.page.eval_on_selector_all(".scroll", "all => all.map(one => one.scrollHeight - one.clientHeight)")
    assert set(heights) == {0}
    assert len(opened.page.pdf()) > 10_000
    opened.page.close()


def test_hostile_names_are_shown_as_text(browser: Browser, hostile: WrittenReport) -> None:
    opened = visit(browser, hostile.page)
    assert opened.complaints == []
    assert opened.requests == [hostile.page.as_uri()]
    assert opened.page.title() == f"Speech emotion recognition: {HOSTILE}"
    assert opened.page.locator("script").count() == 1
    assert opened.page.locator("img").count() == 0
    assert opened.page.locator("a[href^='javascript']").count() == 0
    opened.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    for section in ("studies", "recall", "folds_ua", "importances"):
        assert HOSTILE in opened.page.locator(f"#{section}").inner_text(), section
    opened.page.close()
