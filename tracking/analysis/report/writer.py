"""Writes the report: one HTML page and the CSV files beside it."""

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tracking.analysis.badges import Badge, baseline_badges, report_badges, variant_badges
from tracking.analysis.overview import Overview, oversee
from tracking.analysis.report.comparison_tables import refused_table, tests_table
from tracking.analysis.report.fact_tables import missing_table, origins_table, settings_tables, studies_table
from tracking.analysis.report.headline import headline
from tracking.analysis.report.pictures import draw_pictures
from tracking.analysis.report.records import write_records
from tracking.analysis.report.score_tables import grid_tables, recall_table, results_table
from tracking.analysis.report.tables import Table, write_csv
from tracking.results import ResultsTable

_FOLDER = Path(__file__).parent


def write_report(table: ResultsTable, folder: Path) -> Path:
    """Writes the comparison report.

    Args:
        table: Trials and baselines of one corpus and fold scheme.
        folder: Where to write; made where it does not exist, files of an earlier report replaced.

    Returns:
        The page, `index.html`; every table lies as CSV in the folder `tables` beside it.
    """
    overview = oversee(table)
    csv_folder = folder / "tables"
    csv_folder.mkdir(parents=True, exist_ok=True)
    tables = _tables(overview)
    for one in [*tables["grids"], *(tables[name] for name in tables if name != "grids")]:
        write_csv(one, csv_folder)
    records = write_records(overview, csv_folder)
    page = folder / "index.html"
    page.write_text(_page(overview, tables, records), encoding="utf-8")
    return page


def _tables(overview: Overview) -> dict[str, Any]:
    shared, own = settings_tables(overview)
    return {
        "grids": grid_tables(overview),
        "results": results_table(overview),
        "tests": tests_table(overview),
        "refused": refused_table(overview),
        "recall": recall_table(overview),
        "missing": missing_table(overview),
        "studies": studies_table(overview),
        "origins": origins_table(overview),
        "shared_settings": shared,
        "own_settings": own,
    }


def _page(overview: Overview, tables: dict[str, Table | list[Table]], records: tuple[str, ...]) -> str:
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
        **tables,
        title=_title(overview),
        facts=_facts(overview),
        headline=headline(overview),
        partial=overview.partial,
        family=overview.comparisons.family,
        several_seeds=any(len(made.seeds) > 1 for made in overview.comparisons.made),
        sessions=max((made.ua_sessions.units for made in overview.comparisons.made if made.ua_sessions), default=0),
        badges=report_badges(overview),
        explained=_explained(overview),
        missing_classes=_missing_classes(overview),
        pictures=draw_pictures(overview),
        notes=overview.table.notes,
        records=records,
        svg=Markup,
        # Both files are the package's own; a closing tag in them would end their element.
        style=Markup((_FOLDER / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_digest=script_digest,
    )


def _title(overview: Overview) -> str:
    corpora = dict.fromkeys(entry.evidence.corpus.name for entry in overview.scored)
    return f"Speech emotion recognition: {', '.join(corpora)}" if corpora else "Speech emotion recognition: no results"


def _facts(overview: Overview) -> list[str]:
    if not overview.scored:
        return []
    evidence = max((entry.evidence for entry in overview.scored), key=lambda one: len(one.utterances))
    last = max(fold.ended_ms for fold in overview.fold_results())
    fixed = sum(entry.variant.chosen is None for entry in overview.scored)
    return [
        f"{fixed} variants",
        f"{len(evidence.scheme)} folds, {evidence.scheme[0].scheme}",
        f"{len(evidence.utterances)} test utterances of {len(evidence.speaker_names)} speakers",
        f"{evidence.classes} classes",
        f"last fold {datetime.fromtimestamp(last / 1000, UTC):%Y-%m-%d %H:%M} UTC",
    ]


def _explained(overview: Overview) -> tuple[Badge, ...]:
    """Every mark that stands anywhere in the report, once."""
    marks = dict.fromkeys(report_badges(overview))
    for entry in overview.scored:
        marks.update(dict.fromkeys(variant_badges(entry)))
    for baseline in overview.baselines:
        marks.update(dict.fromkeys(baseline_badges(baseline)))
    return tuple(marks)


def _missing_classes(overview: Overview) -> list[str]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in overview.scored:
        found.update(entry.scores.missing)
    return [f"{fold} has no {', '.join(names)}" for fold, names in found.items()]
