import csv
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.support.scored_trials import (
    EMOTIONS,
    World,
    baseline,
    configuration,
    study_table,
    table_of,
    trial,
    with_more,
)
from tracking.analysis.comparison.overview import analyse
from tracking.analysis.report import summary_rows, summary_sentence, summary_title, write_report
from tracking.analysis.report.figures import shown_variants
from tracking.analysis.report.headline import headline
from tracking.analysis.report.terminal import MOST_LISTED
from tracking.analysis.report_context import ParameterImportances, ReportContext, StudyInfo
from tracking.analysis.results_table import ResultsTable

HOSTILE = "<script>alert('x')</script>"


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
def written(tmp_path_factory):
    world = World()
    table = study_table(world)
    more = (
        trial(world, configuration("none", criterion="cross_entropy"), 0.55),
        trial(world, configuration("component", scope=11, labels="words"), 0.7, folds=[0, 1, 2]),
        trial(world, configuration("quantum", labels="phonemes_x2"), 0.6, capped=40),
        trial(world, configuration("local", labels="utterance"), folds=[]),
    )
    table = with_more(table, *more)
    page = write_report(analyse(table), tmp_path_factory.mktemp("report"))
    return table, page, Page(page.read_text(encoding="utf-8"))


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_asks_for_nothing_from_the_network(written):
    _, page, parsed = written
    outside = [link for link in parsed.links if not link.startswith(("#", "tables/", "data:,"))]
    assert outside == []
    text = page.read_text(encoding="utf-8")
    assert "@import" not in text
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_every_link_leads_somewhere(written):
    _, page, parsed = written
    for link in parsed.links:
        if link.startswith("tables/"):
            assert (page.parent / link).stat().st_size > 0
        elif link.startswith("#"):
            assert link[1:] in parsed.ids


def test_no_id_stands_twice(written):
    _, _, parsed = written
    assert len(parsed.ids) == len(set(parsed.ids))


def test_every_variant_and_baseline_stands_in_the_results_with_its_scores(written):
    table, page, parsed = written
    overview = analyse(table)
    rows = rows_of(page.parent / "tables" / "results.csv")
    names = [entry.label for entry in overview.variants] + ["logistic regression · zscore_speaker"]
    assert [row["variant"] for row in rows] == names
    assert float(rows[0]["UA"]) == overview.variants[0].scores.ua.mean
    shown = {row[0]: row for row in parsed.tables["results"]}
    for entry in overview.variants[:1]:
        assert shown[entry.label][1] == f"{100 * entry.scores.ua.mean:.1f}"
    assert any(name.startswith("logistic regression") for name in shown)


def test_the_attention_by_label_table_has_fixed_points_and_selected_ones(written):
    table, page, _ = written
    grid = {row["attention"]: row for row in rows_of(page.parent / "tables" / "attention_by_labels.csv")}
    assert {"none", "quantum", "local · scope 5", "local · selected per fold", "component · scope 11"} <= set(grid)
    by_label = {entry.label: entry for entry in analyse(table).variants}
    assert float(grid["none"]["words UA"]) == by_label["none · words"].scores.ua.mean
    chosen = by_label["component · selected per fold · phonemes"]
    assert float(grid["component · selected per fold"]["phonemes WA"]) == chosen.scores.wa.mean
    assert grid["quantum"]["cross_entropy UA"] == ""


def test_partial_and_capped_cells_are_marked_in_the_grid(written):
    _, _, parsed = written
    cells = {row[0]: row for row in parsed.tables["attention_by_labels"]}
    assert cells["component · scope 11"][1].endswith("†")
    assert any(cell.endswith("*") for cell in cells["quantum"])
    assert not any(cell.endswith(("*", "†")) for cell in cells["none"])


def test_the_tests_table_equals_the_comparisons(written):
    table, page, parsed = written
    made = analyse(table).comparisons.comparisons
    rows = rows_of(page.parent / "tables" / "tests.csv")
    assert [(row["variant"], row["baseline"], row["verdict"]) for row in rows] == [
        (one.variant, one.baseline, one.verdict) for one in made
    ]
    assert [float(row["p Holm"]) for row in rows] == [one.holm_p for one in made]
    assert len(parsed.tables["tests"]) == 1 + len(made)


def test_both_ends_of_an_interval_stand_in_csv(written):
    table, page, _ = written
    made = {
        comparison.variant: comparison.ua_speakers.interval for comparison in analyse(table).comparisons.comparisons
    }
    rows = rows_of(page.parent / "tables" / "tests.csv")
    assert {row["variant"] for row in rows} == set(made)
    for row in rows:
        assert float(row["95% low"]) == pytest.approx(made[row["variant"]].low)
        assert float(row["95% high"]) == pytest.approx(made[row["variant"]].high)


def test_what_is_missing_is_listed(written):
    _, page, parsed = written
    missing = {row["variant"]: row["missing"] for row in rows_of(page.parent / "tables" / "missing.csv")}
    assert missing["component · scope 11 · words"].startswith("seed 1: 3 of 10 folds")
    assert any("no fold has a result yet" in reason for reason in missing.values())
    refused = {row["variant"]: row["reason"] for row in rows_of(page.parent / "tables" / "not_compared.csv")}
    assert "is incomplete" in refused["component · scope 11 · words"]
    assert "no baseline" in refused["quantum · phonemes_x2"]
    assert "missing" in parsed.ids


def test_every_badge_that_stands_is_explained(written):
    _, page, parsed = written
    used = set(re.findall(r'href="#(about-[a-z-]+)"', page.read_text(encoding="utf-8")))
    assert {"about-transductive", "about-capped", "about-partial", "about-synthetic", "about-one-seed"} <= used
    assert used <= set(parsed.ids)


def test_pictures_are_inline(written):
    _, _, parsed = written
    # Two forests, speakers and scopes in two widths each, and a confusion and a curve for each of twelve variants.
    assert parsed.tags.count("svg") == 8 + 2 * 12


def test_the_origin_of_the_numbers_is_stated(written):
    _, page, _ = written
    facts = {row["fact"]: row["value"] for row in rows_of(page.parent / "tables" / "origins.csv")}
    assert facts["corpus digest"] == World().digest
    assert facts["results version"] == "1"
    assert facts["torch"] == "2.13.0"


def test_every_table_lies_beside_the_page_as_csv_latex_and_markdown(written):
    _, page, parsed = written
    names = {link.removeprefix("tables/").partition(".")[0] for link in parsed.links if link.endswith(".tex")}
    assert {"results", "tests", "folds_ua", "folds_wa", "recall", "costs", "scope", "settings", "studies"} <= names
    for name in names:
        assert f"tables/{name}.csv" in parsed.links
        assert f"tables/{name}.md" in parsed.links
        assert (page.parent / "tables" / f"{name}.tex").read_text(encoding="utf-8").count(r"\toprule") == 1


def test_each_fold_has_its_ua_and_missing_ones_are_called_missing(written):
    table, page, parsed = written
    rows = {row["variant"]: row for row in rows_of(page.parent / "tables" / "folds_ua.csv")}
    entry = next(one for one in analyse(table).variants if one.label == "none · words")
    (folds,) = entry.folds.values()
    for fold in folds:
        assert float(rows["none · words"][fold.fold.name]) == pytest.approx(fold.ua)
    shown = {row[0]: row for row in parsed.tables["folds_ua"]}
    partial = next(cells for name, cells in shown.items() if name.startswith("component · scope 11 · words"))
    assert partial[4:] == ["missing"] * 7
    assert "missing" not in shown["none · words"]


def test_time_is_given_for_each_variant_and_as_a_multiple_of_its_baseline(written):
    _, page, _ = written
    rows = {row["variant"]: row for row in rows_of(page.parent / "tables" / "costs.csv")}
    assert not any("selected" in name for name in rows)
    assert float(rows["quantum · words"]["seconds a fold"]) == 45
    assert float(rows["quantum · words"]["minutes"]) == 7.5
    assert float(rows["quantum · words"]["× baseline"]) == 1
    assert rows["none · cross_entropy"]["× baseline"] == ""


def test_the_scope_table_has_every_scope_the_choice_per_fold_and_the_baseline(written):
    table, page, _ = written
    entries = {entry.label: entry.scores.ua.mean for entry in analyse(table).variants}
    (row,) = (row for row in rows_of(page.parent / "tables" / "scope.csv") if row["variant"] == "local · phonemes")
    assert float(row["scope 5"]) == entries["local · scope 5 · phonemes"]
    assert float(row["selected per fold"]) == entries["local · selected per fold · phonemes"]
    assert float(row["none"]) == entries["none · phonemes"]


def test_what_is_told_beside_the_results_stands_in_the_report(tmp_path):
    table = study_table()
    origin = StudyInfo("ser study run --root '/a b'", 6, 4, commit="0123456789abcdef", dirty=True, running=True)
    shares = ParameterImportances("all trials", 12, {"labels": 0.7, "seed": 0.3})
    page = write_report(analyse(table), tmp_path, ReportContext({"demo-quick-none": origin}, (shares,)))
    text = page.read_text(encoding="utf-8")
    assert "2 trials have not ended." in text
    assert "Being run when this was written: demo-quick-none" in text
    studies = {row["study"]: row for row in rows_of(tmp_path / "tables" / "studies.csv")}
    assert studies["demo-quick-none"]["command"] == origin.command
    assert studies["demo-quick-none"]["commit"] == "0123456789ab+"
    assert studies["demo-quick-quantum"]["command"] == "–"
    importances = {row["setting"]: float(row["importance"]) for row in rows_of(tmp_path / "tables" / "importances.csv")}
    assert importances == {"labels": 0.7, "seed": 0.3}
    assert "study demo-quick-none" in {row["variant"] for row in rows_of(tmp_path / "tables" / "missing.csv")}


def test_a_complete_report_does_not_say_that_it_is_partial(tmp_path):
    done = StudyInfo("ser study run", 3, 3)
    page = write_report(analyse(study_table(World(per_speaker=8))), tmp_path, ReportContext({"demo-quick-none": done}))
    text = page.read_text(encoding="utf-8")
    assert "partial-note" not in text.partition("<body>")[2]
    assert "Nothing: every trial has all of its folds." in text


def test_html_in_names_comes_out_as_text_everywhere(tmp_path):
    names = (HOSTILE, *(f"s{n}" for n in range(9)))
    world = World(names=names, emotions=(HOSTILE, *EMOTIONS[1:]), corpus=HOSTILE)
    table = study_table(world)
    trials = tuple(replace(one, study=HOSTILE, recipe=HOSTILE) for one in table.trials[:-1])
    partial = trial(world, configuration("quantum", labels="utterance"), folds=[1], study=HOSTILE)
    logistic = baseline(world).model_copy(update={"name": HOSTILE})
    hostile = with_more(ResultsTable(trials, (logistic,), (HOSTILE, "{{ 7 * 7 }}")), partial)
    page = write_report(analyse(hostile), tmp_path)
    text = page.read_text(encoding="utf-8")
    parsed = Page(text)
    assert parsed.tags.count("script") == 1
    assert "<script>alert" not in text
    assert "{{ 7 * 7 }}" in text
    assert [row["study"] for row in rows_of(tmp_path / "tables" / "studies.csv")] == [HOSTILE]
    assert HOSTILE in {row["speaker"] for row in rows_of(tmp_path / "tables" / "speakers.csv")}
    assert HOSTILE in {row["true"] for row in rows_of(tmp_path / "tables" / "confusions.csv")}


def test_several_recipes_and_seeds_have_their_own_tables_and_columns(tmp_path):
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
    table = study_table(World(per_speaker=8))
    first = write_report(analyse(table), tmp_path / "a").read_bytes()
    shuffled = replace(table, trials=table.trials[::-1])
    assert write_report(analyse(shuffled), tmp_path / "b").read_bytes() == first


def sentence(*trials, baselines=()):
    return headline(analyse(table_of(*trials, baselines=baselines)))


def test_headline_of_a_shown_improvement():
    plain = trial(World(), configuration("none"), 0.5, speaker_deviation=0.0)
    strong = trial(World(), configuration("component"), 0.8, speaker_deviation=0.0)
    words = sentence(plain, strong, baselines=(baseline(World(), 0.9),))
    assert words.sentence.startswith("component · scope 9 · phonemes has the highest UA, ")
    assert "points above none · phonemes (95% interval +" in words.sentence
    assert re.search(
        r"It is shown to be better: p = \.00\d over 10 speakers after Holm's adjustment for 1 comparison\. "
        r"Logistic regression on utterance means and deviations stands \d+\.\d points above it, at \d\d\.\d%\.$",
        words.sentence,
    )
    lower = sentence(plain, strong, baselines=(baseline(World(), 0.5),))
    assert "ogistic" not in lower.sentence
    assert any("logistic regression" in remark and "points below it" in remark for remark in lower.remarks)


def test_headline_of_no_difference_says_that_none_is_shown():
    plain = trial(World(), configuration("none"), 0.6, random_seed=1)
    other = trial(World(), configuration("component"), 0.6, random_seed=2)
    words = sentence(plain, other)
    assert "shown to be better: p" not in words.sentence or "not shown to be better" in words.sentence
    assert "No variant is shown to be better than its baseline." in words.remarks


def test_headline_where_the_baseline_is_best():
    plain = trial(World(), configuration("none"), 0.8)
    weak = trial(World(), configuration("component"), 0.4)
    words = sentence(plain, weak).sentence
    assert "It is a baseline itself: no attention scores higher. The best of them, component · scope 9 · " in words
    assert re.search(
        r"stands \d+\.\d points below none · phonemes \(95% interval −.*It is not shown to be better", words
    )


def test_headline_never_names_a_point_of_a_sweep_by_its_test_score():
    plain = trial(World(), configuration("none"), 0.5)
    swept = [trial(World(), configuration("component", scope=scope), 0.6 + scope / 100) for scope in (3, 5, 9)]
    words = sentence(plain, *swept)
    assert words.sentence.startswith("component · selected per fold · phonemes has the highest UA")
    assert any("choosing on test data" in remark for remark in words.remarks)
    unfinished = trial(World(), configuration("component", scope=11), folds=[0])
    assert sentence(plain, *swept, unfinished).sentence.startswith("none · phonemes has the highest UA")


def test_headline_with_few_speakers_makes_no_claim():
    world = World(speakers=4)
    words = sentence(trial(world, configuration("none"), 0.4), trial(world, configuration("quantum"), 0.9))
    assert "No claim is made: 4 test speakers are too few." in words.sentence


def test_summary_rows_hold_variants_and_baselines(written):
    table, _, _ = written
    rows = summary_rows(analyse(table))
    assert all(set(row) == {"variant", "UA", "WA", "UA folds", "dUA", "p", "note"} for row in rows)
    by_name = {row["variant"]: row for row in rows}
    assert by_name["logistic regression"]["note"] == "baseline"
    assert by_name["component · scope 11 · words"]["note"].startswith("partial: 3 of 10 folds")
    assert "not comparable as this strategy" in by_name["quantum · phonemes_x2"]["note"]
    assert re.fullmatch(r"[+−]?\d+\.\d", by_name["quantum · words"]["dUA"])
    assert summary_sentence(analyse(table)) == headline(analyse(table)).sentence
    assert summary_title(analyse(table)) == "all variants of this corpus, in percent"


def test_of_very_many_variants_the_summary_lists_those_that_have_panels():
    rates = [0.0001 * (place + 1) for place in range(MOST_LISTED // 2)]
    few = World(per_speaker=8)
    swept = [trial(few, configuration(one, learning_rate=rate)) for one in ("none", "component") for rate in rates]
    overview = analyse(table_of(*swept))
    labels = [row["variant"] for row in summary_rows(overview)]
    assert labels == [entry.label for entry in shown_variants(overview)]
    assert {entry.label for entry in overview.reportable} <= set(labels)
    assert summary_title(overview).startswith(f"{len(labels)} of {len(overview.variants)} variants of this corpus, in ")
