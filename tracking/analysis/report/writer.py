"""Writer of the report: one HTML page, and the files of its tables beside it."""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from ser.files import atomic_write
from tracking.analysis.comparison.caveats import report_caveats
from tracking.analysis.comparison.interpretation import CONDITIONAL_ON_TRAINING, RECOMMENDED_TEST, describe_family
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.conditional_tables import former_tables
from tracking.analysis.figures.data import ScopeSeries, scope_series
from tracking.analysis.report.details import calibrations, hardest_decisions
from tracking.analysis.report.figures import render_figures, render_importances
from tracking.analysis.report.first_screen import summary_table, weakest_confusions
from tracking.analysis.report.front_ends import front_end_section
from tracking.analysis.report.headline import headline
from tracking.analysis.report.open_questions import open_questions
from tracking.analysis.report.tables.comparisons import comparison_table, skipped_table
from tracking.analysis.report.tables.decisions import hardest_table, map_frame, reliability_frame
from tracking.analysis.report.tables.folds import cost_table, fold_tables, variance_table
from tracking.analysis.report.tables.provenance import (
    incomplete_table,
    provenance_table,
    pruned_table,
    settings_tables,
    studies_table,
)
from tracking.analysis.report.tables.published import paper_comparison
from tracking.analysis.report.tables.rendering.export import write_dataframe, write_table
from tracking.analysis.report.tables.rendering.model import Table
from tracking.analysis.report.tables.scores import attention_by_label_tables, class_tables, results_table
from tracking.analysis.report.tables.search import importance_table, scope_table
from tracking.analysis.report.tables.sensitivity import notes_on_tests_table, sensitivity_table
from tracking.analysis.report.terminal import shown_difference
from tracking.analysis.report.tidy_csv import write_tidy_tables
from tracking.analysis.report.unseen import unseen_table
from tracking.analysis.report_context import ReportContext
from tracking.analysis.templates import escaping_environment

_TEMPLATES = Path(__file__).parent
_NO_CONTEXT = ReportContext()
_OPTION = re.compile(r"(?<!\S)--[\w-]+")


def write_report(analysis: Analysis, folder: Path, context: ReportContext = _NO_CONTEXT) -> Path:
    """Write the comparison report.

    Args:
        analysis: The analysed results of one corpus and fold scheme.
        folder: Folder of the report; created if missing, files of an earlier report are replaced, and its tables that
            this one lacks removed.
        context: Studies and importances of settings.

    Returns:
        The page, `index.html`; every table is in the folder `tables` beside it, as CSV, LaTeX and Markdown.
    """
    series = scope_series(analysis.variants)
    tables, paper = _tables(analysis, context, series), paper_comparison(analysis)
    attention_tables = attention_by_label_tables(analysis)
    front_ends = front_end_section(analysis, context.front_ends)
    exported = [
        *attention_tables,
        *tables.values(),
        *front_ends.tables,
        *([] if paper.table is None else [paper.table]),
    ]
    tables_folder = folder / "tables"
    tables_folder.mkdir(parents=True, exist_ok=True)
    shared_caveats = report_caveats(analysis)
    for table in exported:
        write_table(table, shared_caveats, tables_folder)
    tidy_names = [*write_tidy_tables(analysis, tables_folder)]
    reliabilities = calibrations(analysis)
    tidy_frames = {"reliability": reliability_frame(reliabilities)} if reliabilities else {}
    if context.utterance_map is not None:
        tidy_frames["map"] = map_frame(context.utterance_map)
    for name, frame in tidy_frames.items():
        write_dataframe(frame, tables_folder / f"{name}.csv")
    names = {*(table.name for table in exported), *tidy_names, *tidy_frames}
    for name in former_tables((file.name for file in tables_folder.iterdir()), names):
        (tables_folder / name).unlink()
    page = _render_page(
        analysis,
        context,
        attention_tables=attention_tables,
        tables=tables,
        paper=paper,
        front_ends=front_ends,
        unseen_notes=context.unseen.notes,
        partial=_partial_note(analysis, context),
        tidy_tables=[(name, "csv", name) for name in (*tidy_names, *tidy_frames)],
        figures=render_figures(analysis, series, reliabilities, context.utterance_map),
        importance_figures=render_importances(context.importances),
        study_files=[study.file for study in context.studies.values() if study.file],
    )
    path = folder / "index.html"
    atomic_write(path, page)
    return path


def _tables(analysis: Analysis, context: ReportContext, series: Sequence[ScopeSeries]) -> dict[str, Table]:
    """Make the tables by their name in the template, but those of attention by labels."""
    shared_settings, differing_settings = settings_tables(analysis)
    folds_ua, folds_wa = fold_tables(analysis)
    players = {utterance: _data_address(clip) for utterance, clip in context.clips.items()}
    return {
        "summary": summary_table(analysis, context.unseen),
        "hardest": hardest_table(hardest_decisions(analysis), players),
        "results": results_table(analysis),
        "tests": comparison_table(analysis),
        "sensitivity": sensitivity_table(analysis),
        "test_notes": notes_on_tests_table(),
        "skipped": skipped_table(analysis),
        "folds_ua": folds_ua,
        "folds_wa": folds_wa,
        "variance": variance_table(analysis),
        **class_tables(analysis),
        "unseen": unseen_table(analysis, context.unseen),
        "costs": cost_table(analysis),
        "scope": scope_table(analysis, series),
        "missing": incomplete_table(analysis, context),
        "pruned": pruned_table(analysis),
        "studies": studies_table(analysis, context),
        "provenance": provenance_table(analysis),
        "shared_settings": shared_settings,
        "differing_settings": differing_settings,
        "importances": importance_table(context.importances),
    }


def _data_address(clip: bytes) -> str:
    """Address that holds a WAV file itself: a page in MLflow has no files beside it."""
    return f"data:audio/wav;base64,{base64.b64encode(clip).decode()}"


def _partial_note(analysis: Analysis, context: ReportContext) -> str:
    """Reason why the report is partial; empty where it is not."""
    if not (analysis.partial or context.partial):
        return ""
    done, planned = analysis.fold_counts
    sentences = [f"{done} of {planned} folds of the started trials have a result."]
    unfinished = sum(study.trials - study.trials_done for study in context.studies.values())
    if unfinished:
        sentences.append(f"{unfinished} trial{' has' if unfinished == 1 else 's have'} not ended.")
    if context.running:
        sentences.append(f"Running at the time of this report: {', '.join(context.running)}.")
    return " ".join(sentences)


def _render_page(analysis: Analysis, context: ReportContext, **content: Any) -> str:
    environment = escaping_environment(_TEMPLATES)
    environment.filters["unbroken_options"] = _unbroken_options
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    script_digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    comparisons, questions = analysis.comparisons.comparisons, open_questions(analysis)
    winner, utterance_map = analysis.reported_winner, context.utterance_map
    return environment.get_template("report.html").render(
        **content,
        title=_title(analysis),
        facts=_facts(analysis),
        headline=headline(analysis),
        guide=[RECOMMENDED_TEST, *describe_family(analysis.comparisons.family), CONDITIONAL_ON_TRAINING],
        several_seeds=any(len(comparison.seeds) > 1 for comparison in comparisons),
        sessions=max(
            (comparison.ua_sessions.clusters for comparison in comparisons if comparison.ua_sessions), default=0
        ),
        questions=questions,
        numbers={question.caveat: question.number for question in questions},
        confusions="" if winner is None else weakest_confusions(winner),
        power=shown_difference(analysis),
        commands=context.commands,
        map_caption="" if utterance_map is None else utterance_map.source,
        notes=(*analysis.table.notes, *context.notes),
        svg=Markup,
        # Both files are the package's own; a closing tag in them would end their element.
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=script_digest,
    )


def _unbroken_options(text: str) -> Markup:
    """Escape a text, and keep a browser from breaking a line within the dashes of an option."""
    return Markup(_OPTION.sub(r'<span class="option">\g<0></span>', str(escape(text))))


def _title(analysis: Analysis) -> str:
    corpora = dict.fromkeys(variant.predictions.corpus.name for variant in analysis.variants)
    return f"Speech emotion recognition: {', '.join(corpora)}" if corpora else "Speech emotion recognition: no results"


def _facts(analysis: Analysis) -> list[str]:
    if not analysis.variants:
        return []
    largest = max((variant.predictions for variant in analysis.variants), key=lambda pooled: len(pooled.utterances))
    last_ms = max(fold.ended_ms for fold in analysis.all_folds())
    fixed = sum(variant.chosen is None for variant in analysis.variants)
    return [
        f"{fixed} variants",
        f"{len(largest.scheme)} folds, {largest.scheme[0].scheme}",
        f"{len(largest.utterances)} test utterances of {len(largest.speaker_names)} speakers",
        f"{largest.classes} classes",
        f"last fold {datetime.fromtimestamp(last_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC",
    ]
