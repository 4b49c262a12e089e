"""Writes the report: one HTML page, and the files of its tables beside it."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ser.files import atomic_write
from tracking.analysis.comparison.caveats import Caveat, baseline_caveats, report_caveats, variant_caveats
from tracking.analysis.comparison.interpretation import RECOMMENDED_TEST
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.figures.data import ScopeSeries, scope_lines
from tracking.analysis.report.figures import render_figures, render_importances
from tracking.analysis.report.headline import headline
from tracking.analysis.report.tables.comparisons import comparison_table, skipped_table
from tracking.analysis.report.tables.export import write_table
from tracking.analysis.report.tables.folds import cost_table, fold_tables
from tracking.analysis.report.tables.provenance import (
    incomplete_table,
    provenance_table,
    pruned_table,
    settings_tables,
    studies_table,
)
from tracking.analysis.report.tables.published import paper_comparison
from tracking.analysis.report.tables.scores import attention_by_label_tables, recall_table, results_table
from tracking.analysis.report.tables.search import importance_table, scope_table
from tracking.analysis.report.tables.sensitivity import sensitivity_table, test_notes_table
from tracking.analysis.report.tidy_csv import write_records
from tracking.analysis.report_context import ReportContext

_FOLDER = Path(__file__).parent
_NO_BACKGROUND = ReportContext()


def write_report(overview: Analysis, folder: Path, background: ReportContext = _NO_BACKGROUND) -> Path:
    """Writes the comparison report.

    Args:
        overview: What the results of one corpus and fold scheme say.
        folder: Where to write; made where it does not exist, files of an earlier report replaced.
        background: What is told beside the results.

    Returns:
        The page, `index.html`; every table lies as CSV, LaTeX and Markdown in the folder `tables` beside it.
    """
    marks, lines = report_caveats(overview), scope_lines(overview.variants, overview.comparisons.comparisons)
    files = folder / "tables"
    files.mkdir(parents=True, exist_ok=True)
    tables, paper = _tables(overview, background, lines), paper_comparison(overview)
    if paper.table is not None:
        write_table(paper.table, marks, files)
    for one in [*tables["grids"], *(tables[name] for name in tables if name != "grids")]:
        write_table(one, marks, files)
    words: dict[str, Any] = {
        **tables,
        "paper": paper,
        "partial": _partial(overview, background),
        "records": [(name, "csv", name) for name in write_records(overview, files)],
        "pictures": render_figures(overview, lines),
        "importances": importance_table(background.importances),
        "importance_pictures": render_importances(background.importances),
    }
    write_table(words["importances"], marks, files)
    page = folder / "index.html"
    atomic_write(page, _page(overview, words))
    return page


def _tables(overview: Analysis, background: ReportContext, lines: Sequence[ScopeSeries]) -> dict[str, Any]:
    shared, own = settings_tables(overview)
    folds_ua, folds_wa = fold_tables(overview)
    return {
        "grids": attention_by_label_tables(overview),
        "results": results_table(overview),
        "tests": comparison_table(overview),
        "sensitivity": sensitivity_table(overview),
        "guide": test_notes_table(),
        "refused": skipped_table(overview),
        "folds_ua": folds_ua,
        "folds_wa": folds_wa,
        "recall": recall_table(overview),
        "costs": cost_table(overview),
        "scope": scope_table(overview, lines),
        "missing": incomplete_table(overview, background),
        "pruned": pruned_table(overview),
        "studies": studies_table(overview, background),
        "origins": provenance_table(overview),
        "shared_settings": shared,
        "own_settings": own,
    }


def _partial(overview: Analysis, background: ReportContext) -> str:
    """Why the report is partial, in words; empty where it is not."""
    if not (overview.partial or background.partial):
        return ""
    have, want = overview.fold_counts
    sentences = [f"{have} of {want} folds of the trials begun have a result."]
    to_come = sum(origin.trials - origin.trials_done for origin in background.studies.values())
    if to_come:
        sentences.append(f"{to_come} trial{' has' if to_come == 1 else 's have'} not ended.")
    if background.running:
        running = ", ".join(background.running)
        sentences.append(f"Being run when this was written: {running}; load the page again to see later folds.")
    return " ".join(sentences)


def _page(overview: Analysis, words: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_FOLDER / "report.js").read_text(encoding="utf-8")
    script_digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        **words,
        title=_title(overview),
        facts=_facts(overview),
        headline=headline(overview),
        family=overview.comparisons.family_size,
        believe=RECOMMENDED_TEST,
        several_seeds=any(len(made.seeds) > 1 for made in overview.comparisons.comparisons),
        sessions=max(
            (made.ua_sessions.clusters for made in overview.comparisons.comparisons if made.ua_sessions), default=0
        ),
        badges=report_caveats(overview),
        explained=_used_caveats(overview),
        notes=overview.table.notes,
        svg=Markup,
        # Both files are the package's own; a closing tag in them would end their element.
        style=Markup((_FOLDER / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=script_digest,
    )


def _title(overview: Analysis) -> str:
    corpora = dict.fromkeys(entry.predictions.corpus.name for entry in overview.variants)
    return f"Speech emotion recognition: {', '.join(corpora)}" if corpora else "Speech emotion recognition: no results"


def _facts(overview: Analysis) -> list[str]:
    if not overview.variants:
        return []
    evidence = max((entry.predictions for entry in overview.variants), key=lambda one: len(one.utterances))
    last = max(fold.ended_ms for fold in overview.all_folds())
    fixed = sum(entry.chosen is None for entry in overview.variants)
    return [
        f"{fixed} variants",
        f"{len(evidence.scheme)} folds, {evidence.scheme[0].scheme}",
        f"{len(evidence.utterances)} test utterances of {len(evidence.speaker_names)} speakers",
        f"{evidence.classes} classes",
        f"last fold {datetime.fromtimestamp(last / 1000, UTC):%Y-%m-%d %H:%M} UTC",
    ]


def _used_caveats(overview: Analysis) -> tuple[Caveat, ...]:
    """Every mark that stands anywhere in the report, once."""
    marks = dict.fromkeys(report_caveats(overview))
    for entry in overview.variants:
        marks.update(dict.fromkeys(variant_caveats(entry)))
    for baseline in overview.baselines:
        marks.update(dict.fromkeys(baseline_caveats(baseline)))
    return tuple(marks)
