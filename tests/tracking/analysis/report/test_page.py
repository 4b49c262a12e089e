import csv
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.support.scored_trials import World, baseline, configuration, table_of, trial
from tests.tracking.analysis.report.conftest import HOSTILE, IMPORTANCES, STUDY
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report import summary_rows, write_report
from tracking.analysis.report.details import hardest_ids
from tracking.analysis.report.first_screen import summary_table
from tracking.analysis.report.open_questions import open_questions
from tracking.analysis.report.tables.rendering.formatting import format_points
from tracking.analysis.report_context import ReportContext, StudyInfo, UnseenSpeakers, UtteranceMap
from tracking.analysis.variants.choice import choose_variant


class Page(HTMLParser):
    """Collects what a browser would see: elements, their attributes, table rows."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.tables, self._cell = [], [], [], {}, None
        self._section = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "section":
            self._section = attributes.get("id", "")
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href") and value]
        if tag == "tr":
            self.tables.setdefault(self._section, []).append([])
        if tag in ("td", "th"):
            self._cell = ""

    def handle_data(self, data):
        if self._cell is not None:
            self._cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.tables[self._section][-1].append(re.sub(r"\s+", " ", self._cell).strip())
            self._cell = None


@pytest.fixture(scope="module")
def parsed(written):
    return Page(written.page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows(written):
    """Reads the rows of a CSV file of the report."""
    return lambda table: rows_of(written.page.parent / "tables" / f"{table}.csv")


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def small_analysis():
    """An analysis of one variant, of which a report is written in a moment."""
    return analyse(table_of(trial(World(per_speaker=8), configuration())))


def test_the_page_asks_for_nothing_from_the_network(written, parsed):
    outside = [link for link in parsed.links if not link.startswith(("#", "tables/", "data:,"))]
    assert outside == []
    text = written.page.read_text(encoding="utf-8")
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_every_link_has_a_target(written, parsed):
    for link in parsed.links:
        if link.startswith("tables/"):
            assert (written.page.parent / link).stat().st_size > 0
        elif link.startswith("#"):
            assert link[1:] in parsed.ids


def test_ids_are_unique(parsed):
    assert len(parsed.ids) == len(set(parsed.ids))


def test_results_have_every_variant_and_baseline(written, parsed, rows):
    table_rows = rows("results")
    names = [variant.label for variant in written.analysis.variants] + ["logistic regression"]
    assert [row["variant"] for row in table_rows] == names
    assert float(table_rows[0]["UA"]) == written.analysis.variants[0].scores.ua.mean
    shown = {row[0]: row for row in parsed.tables["results"]}
    for variant in written.analysis.variants[:1]:
        assert shown[variant.label][1] == f"{100 * variant.scores.ua.mean:.1f}"
    assert any(name.startswith("logistic regression") for name in shown)


def test_attention_by_labels_has_fixed_and_selected_points(written, rows):
    grid = {row["attention"]: row for row in rows("attention_by_labels")}
    assert {"none", "quantum", "local · scope 5", "local · selected per fold", "component · scope 11"} <= set(grid)
    by_label = {variant.label: variant for variant in written.analysis.variants}
    assert float(grid["none"]["words UA"]) == by_label["none · words"].scores.ua.mean
    chosen = by_label["component · selected per fold · phonemes"]
    assert float(grid["component · selected per fold"]["phonemes WA"]) == chosen.scores.wa.mean
    assert grid["quantum"]["cross_entropy UA"] == ""


def test_partial_and_capped_cells_are_marked(parsed):
    cells = {row[0]: row for row in parsed.tables["attention_by_labels"]}
    assert cells["component · scope 11"][1].endswith("†")
    assert any(cell.endswith("*") for cell in cells["quantum"])
    assert not any(cell.endswith(("*", "†")) for cell in cells["none"])


def test_the_tests_table_equals_the_comparisons(written, parsed, rows):
    made = written.analysis.comparisons.comparisons
    table_rows = rows("tests")
    assert [(row["variant"], row["baseline"], row["verdict"]) for row in table_rows] == [
        (comparison.variant, comparison.baseline, comparison.verdict_text) for comparison in made
    ]
    assert [float(row["p Holm"]) for row in table_rows] == [comparison.holm_p for comparison in made]
    assert [row["p joint"] for row in table_rows] == [
        "" if comparison.joint is None else str(comparison.joint.better_p) for comparison in made
    ]
    assert len(parsed.tables["tests"]) == 1 + len(made)


def test_csv_has_both_ends_of_an_interval(written, rows):
    made = {
        comparison.variant: comparison.ua_speakers.interval for comparison in written.analysis.comparisons.comparisons
    }
    table_rows = rows("tests")
    assert {row["variant"] for row in table_rows} == set(made)
    for row in table_rows:
        assert float(row["95% low"]) == pytest.approx(made[row["variant"]].low)
        assert float(row["95% high"]) == pytest.approx(made[row["variant"]].high)


def test_missing_folds_are_listed(parsed, rows):
    missing = {row["variant"]: row["missing"] for row in rows("missing")}
    assert missing["component · scope 11 · words"].startswith("seed 1: 3 of 10 folds")
    assert any("no fold has a result yet" in reason for reason in missing.values())
    refused = {row["variant"]: row["reason"] for row in rows("not_compared")}
    assert "is incomplete" in refused["component · scope 11 · words"]
    assert "no baseline" in refused["quantum · phonemes_x2"]
    assert "missing" in parsed.ids


def test_every_caveat_is_explained(written, parsed):
    used = set(re.findall(r'href="#(about-[a-z-]+)"', written.page.read_text(encoding="utf-8")))
    assert {"about-capped", "about-partial"} <= used
    assert used <= set(parsed.ids)
    about = [name for name in parsed.ids if name.startswith("about-")]
    assert {"about-transductive", "about-synthetic", "about-one-seed", "about-chosen-here"} <= set(about)
    assert len(about) == len(set(about)) == len(open_questions(written.analysis))
    assert f"{len(about)} open questions" in written.page.read_text(encoding="utf-8")


def test_figures_are_inline(parsed):
    # Overview, forest, speakers and scopes in two widths; importances; confusions of twelve variants and logistic
    # regression, and a difference; curves of twelve variants; reliability of three rows.
    assert parsed.tags.count("svg") == 8 + 1 + 13 + 1 + 12 + 3


def test_provenance_is_stated(rows):
    facts = {row["fact"]: row["value"] for row in rows("origins")}
    assert facts["corpus digest"] == World().digest
    assert facts["results version"] == "1"
    assert facts["torch"] == "2.13.0"


def test_every_table_is_saved_as_csv_latex_and_markdown(written, parsed):
    names = {link.removeprefix("tables/").partition(".")[0] for link in parsed.links if link.endswith(".tex")}
    assert {"results", "tests", "folds_ua", "folds_wa", "recall", "costs", "scope", "settings", "studies"} <= names
    for name in names:
        assert f"tables/{name}.csv" in parsed.links
        assert f"tables/{name}.md" in parsed.links
        assert (written.page.parent / "tables" / f"{name}.tex").read_text(encoding="utf-8").count(r"\toprule") == 1


def test_absent_folds_are_called_missing(written, parsed, rows):
    by_variant = {row["variant"]: row for row in rows("folds_ua")}
    variant = next(variant for variant in written.analysis.variants if variant.label == "none · words")
    (folds,) = variant.folds.values()
    for fold in folds:
        assert float(by_variant["none · words"][fold.fold.name]) == pytest.approx(fold.ua)
    shown = {row[0]: row for row in parsed.tables["folds_ua"]}
    partial = next(cells for name, cells in shown.items() if name.startswith("component · scope 11 · words"))
    assert partial[4:] == ["missing"] * 7
    assert "missing" not in shown["none · words"]


def test_training_time_is_a_multiple_of_the_baselines(rows):
    by_variant = {row["variant"]: row for row in rows("costs")}
    assert not any("selected" in name for name in by_variant)
    assert float(by_variant["quantum · words"]["seconds a fold"]) == 45
    assert float(by_variant["quantum · words"]["minutes"]) == 7.5
    assert float(by_variant["quantum · words"]["× baseline"]) == 1
    assert by_variant["none · cross_entropy"]["× baseline"] == ""


def test_scope_table_has_scopes_selection_and_baseline(written, rows):
    entries = {variant.label: variant.scores.ua.mean for variant in written.analysis.variants}
    (row,) = (row for row in rows("scope") if row["variant"] == "local · phonemes")
    assert float(row["scope 5"]) == entries["local · scope 5 · phonemes"]
    assert float(row["selected per fold"]) == entries["local · selected per fold · phonemes"]
    assert float(row["none"]) == entries["none · phonemes"]


def test_studies_and_importances_are_in_the_report(written, rows):
    text = written.page.read_text(encoding="utf-8")
    assert "2 trials have not ended." in text
    assert "Running at the time of this report: demo-quick-none." in text
    studies = {row["study"]: row for row in rows("studies")}
    assert studies["demo-quick-none"]["command"] == STUDY.command
    assert studies["demo-quick-none"]["commit"] == "0123456789ab+"
    assert studies["demo-quick-quantum"]["command"] == "–"
    assert {row["setting"]: float(row["importance"]) for row in rows("importances")} == IMPORTANCES
    assert "study demo-quick-none" in {row["variant"] for row in rows("missing")}


def test_study_files_are_folded_and_absent_where_there_are_none(tmp_path, written):
    analysis = analyse(table_of(trial(World(per_speaker=8), configuration())))
    study = StudyInfo("ser study run", 3, 3, file="# <b>\ncorpus: emodb\n")
    text = write_report(analysis, tmp_path, ReportContext({"demo-quick-none": study})).read_text(encoding="utf-8")
    (details,) = re.findall(r'<details id="study-files">.*?</details>', text, re.DOTALL)
    assert "# &lt;b&gt;\ncorpus: emodb\n" in details
    assert 'id="study-files"' not in written.page.read_text(encoding="utf-8")


def test_a_complete_report_is_not_called_partial(tmp_path):
    done = StudyInfo("ser study run", 3, 3)
    page = write_report(
        analyse(table_of(trial(World(per_speaker=8), configuration()))),
        tmp_path,
        ReportContext({"demo-quick-none": done}),
    )
    text = page.read_text(encoding="utf-8")
    assert "partial-note" not in text.partition("<body>")[2]
    assert 'id="incomplete"' not in text


def test_html_in_names_is_escaped_everywhere(hostile):
    text, tables = hostile.page.read_text(encoding="utf-8"), hostile.page.parent / "tables"
    assert Page(text).tags.count("script") == 1
    assert HOSTILE not in text
    assert "{{ 7 * 7 }}" in text
    assert [row["study"] for row in rows_of(tables / "studies.csv")] == [HOSTILE]
    assert HOSTILE in {row["speaker"] for row in rows_of(tables / "speakers.csv")}
    assert HOSTILE in {row["true"] for row in rows_of(tables / "confusions.csv")}


def test_recipes_have_tables_and_seeds_have_columns(tmp_path):
    trials = [
        trial(World(), configuration(attention, stack=stack, seed=seed), recipe=recipe)
        for attention in ("none", "quantum")
        for stack, recipe in ((1, "paper"), (3, "quick"))
        for seed in (1, 2)
    ]
    page = write_report(analyse(table_of(*trials)), tmp_path)
    parsed = Page(page.read_text(encoding="utf-8"))
    for name in ("attention_by_labels", "attention_by_labels_2"):
        assert [row[0] for row in parsed.tables[name]] == ["", "attention", "none", "quantum"]
    results = rows_of(tmp_path / "tables" / "results.csv")
    assert [row["recipe"] for row in results] == ["paper", "paper", "quick", "quick"]
    assert all(float(row["± seeds"]) > 0 for row in results)
    assert all(row["McNemar"] == "" for row in rows_of(tmp_path / "tables" / "tests.csv"))
    assert "never more utterances" in page.read_text(encoding="utf-8")
    assert "about-one-seed" not in parsed.ids


def test_a_report_of_nothing_says_so(tmp_path):
    page = write_report(analyse(table_of()), tmp_path)
    assert "No variant is complete yet" in page.read_text(encoding="utf-8")


def test_a_report_of_one_unfinished_trial_is_written(tmp_path):
    table = table_of(trial(World(), configuration(), folds=[4]))
    text = write_report(analyse(table), tmp_path).read_text(encoding="utf-8")
    assert "Partial." in text
    assert "No variant is complete yet" in text


def test_the_report_is_the_same_every_time(tmp_path):
    world = World(per_speaker=8)
    swept = [trial(world, configuration("local", scope=scope)) for scope in (5, 9)]
    table = table_of(trial(world, configuration()), *swept, baselines=(baseline(world),))
    first = write_report(analyse(table), tmp_path / "a").read_bytes()
    shuffled = replace(table, trials=table.trials[::-1])
    assert write_report(analyse(shuffled), tmp_path / "b").read_bytes() == first


def test_one_comparison_is_never_called_adjusted(tmp_path):
    trials = trial(World(), configuration("none"), 0.5), trial(World(), configuration("quantum"), 0.8)
    text = write_report(analyse(table_of(*trials)), tmp_path).read_text(encoding="utf-8")
    assert "significantly better" in text
    assert not re.search(r"are adjusted for|\b1 comparison|first to be shown of", text)


def test_at_most_ten_rows_are_on_the_first_screen(written, rows):
    first = rows("summary")
    uas = [float(row["UA"]) for row in first]
    assert len(first) == 10
    assert uas == sorted(uas, reverse=True)
    names = {row["variant"] for row in first}
    winner = written.analysis.reported(choose_variant(written.analysis.variants))
    needed = {winner.label, written.analysis.comparison_of(winner.label).baseline, "logistic regression"}
    assert needed <= names
    assert "stranger" not in first[0]


def test_columns_of_comparisons_are_shown_where_there_are_any():
    world = World(per_speaker=8)
    alone = table_of(trial(world, configuration()))
    shown = [
        summary_table(analyse(table), UnseenSpeakers())
        for table in (
            alone,
            replace(alone, baselines=(baseline(world),)),
            table_of(trial(world, configuration()), trial(world, configuration("quantum"))),
        )
    ]
    columns = [{column.title for column in table.columns} for table in shown]
    assert columns[1] - columns[0] == {"Δ LR", "p LR"}
    assert columns[2] - columns[0] == {"Δ baseline", "p"}
    # No test is named that is not shown, and none is shown without a name and its assumption.
    assert ["sign flips" in table.caption for table in shown] == [False, True, True]
    assert ["independent" in table.caption for table in shown] == [False, True, True]


def test_lines_are_not_broken_within_the_dashes_of_an_option(tmp_path):
    commands = (("Recognise", "ser predict '<b>--x' a--b --home /my_data"),)
    text = write_report(small_analysis(), tmp_path, ReportContext(commands=commands)).read_text(encoding="utf-8")
    shown = 'ser predict &#39;&lt;b&gt;--x&#39; a--b <span class="option">--home</span> /my_data'
    assert f"<code>{shown}</code>" in text


def test_ua_for_a_stranger_has_a_column_where_it_is_known(tmp_path):
    world = World(per_speaker=8)
    table = table_of(trial(world, configuration()), baselines=(baseline(world),))
    write_report(analyse(table), tmp_path, ReportContext(unseen=UnseenSpeakers({"none · phonemes": {0: 0.5, 1: 0.4}})))
    cells = {row["variant"]: row["stranger"] for row in rows_of(tmp_path / "tables" / "summary.csv")}
    assert cells == {"none · phonemes": "0.5", "logistic regression": ""}


def test_the_report_and_the_terminal_state_the_same_numbers(written, rows):
    listed = {row["variant"]: row for row in summary_rows(written.analysis)}
    summary = rows("summary")
    assert summary
    assert any(row["Δ LR"] for row in summary)
    for row in summary:
        assert listed[row["variant"]]["UA"].split()[0] == f"{100 * float(row['UA']):.1f}"
        if row["Δ LR"]:
            assert listed[row["variant"]]["Δ LR"] == format_points(float(row["Δ LR"]))


def test_recordings_are_in_the_page_where_there_are_any(tmp_path, written):
    analysis = small_analysis()
    (utterance, *_) = hardest_ids(analysis)
    page = write_report(analysis, tmp_path, ReportContext(clips={utterance: b"RIFF"}))
    assert page.read_text(encoding="utf-8").count('src="data:audio/wav;base64,UklGRg=="') == 1
    assert "<audio" not in written.page.read_text(encoding="utf-8")


def test_the_map_and_its_coordinates_are_in_the_report(tmp_path, written):
    drawn = UtteranceMap("Made up.", ("a", "b"), ("s", "t"), ("calm", HOSTILE), np.eye(2), (0.7, 0.2))
    text = write_report(small_analysis(), tmp_path, ReportContext(utterance_map=drawn)).read_text(encoding="utf-8")
    assert "Map of utterances" in text
    assert HOSTILE not in text
    assert [row["first_component"] for row in rows_of(tmp_path / "tables" / "map.csv")] == ["1.0", "0.0"]
    assert "Map of utterances" not in written.page.read_text(encoding="utf-8")


def test_tables_of_an_earlier_report_do_not_stay(tmp_path):
    stale = [tmp_path / "tables" / f"{name}.csv" for name in ("map", "tests_classical")]
    stale[0].parent.mkdir()
    for path in stale:
        path.write_text("of an earlier report")
    write_report(analyse(table_of(trial(World(), configuration()))), tmp_path)
    assert not any(path.exists() for path in stale)
