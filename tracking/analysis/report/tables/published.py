"""Table 3 of the paper beside the scores of this report, where both tested the same utterances."""

from dataclasses import dataclass

from tracking.analysis.comparison.caveats import report_caveats, ua_only
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.comparison.published import PublishedScores, published_scores
from tracking.analysis.report.tables.rendering.formatting import NOT_APPLICABLE, format_count
from tracking.analysis.report.tables.rendering.model import (
    Column,
    Table,
    percent_cell,
    points_cell,
    text_cell,
    variant_cell,
    wa_column,
)
from tracking.analysis.variants.predictions import PooledPredictions
from tracking.analysis.variants.scores import ScoredVariant

_PAPER_CORPUS_NAMES = {"iemocap": "IEMOCAP", "fau_aibo": "FAU-Aibo"}
_MAX_SIZE_DIFFERENCE = 0.01
"""Largest accepted difference in test utterances, such as unreadable files, as a share of the paper's."""


@dataclass(frozen=True)
class PaperComparison:
    """Scores of the paper beside those of this report.

    Attributes:
        table: The table; None where the paper has no scores of these utterances.
        note: Reason why a corpus of the paper has no table; else empty.
    """

    table: Table | None
    note: str = ""


def paper_comparison(analysis: Analysis) -> PaperComparison:
    """Compare the scores with the paper's Table 3, without a test.

    Returns:
        The table where corpus, classes and number of test utterances are the paper's.
    """
    largest = max(
        (variant.predictions for variant in analysis.variants), key=lambda one: len(one.utterances), default=None
    )
    corpus = None if largest is None else _PAPER_CORPUS_NAMES.get(largest.corpus.name)
    if largest is None or corpus is None:
        return PaperComparison(None)
    published = published_scores()
    paper_sizes, sizes = published.corpora[corpus], _class_sizes(largest)
    n = sum(paper_sizes.values())
    if set(sizes) != set(paper_sizes) or abs(len(largest.utterances) - n) > _MAX_SIZE_DIFFERENCE * n:
        return PaperComparison(
            None,
            f"Not compared with the paper's Table 3: it tested {format_count(n)} utterances of "
            f"{', '.join(paper_sizes)}; here {format_count(len(largest.utterances))} of {', '.join(sizes)} "
            "have a result.",
        )
    return PaperComparison(_table(analysis, published, corpus, n, len(largest.utterances)))


def _class_sizes(evidence: PooledPredictions) -> dict[str, int]:
    return dict(zip(evidence.corpus.emotions, evidence.class_counts.tolist(), strict=True))


def _table(analysis: Analysis, published: PublishedScores, corpus: str, paper_n: int, n: int) -> Table:
    shared_caveats, greyed_out = report_caveats(analysis), ua_only(analysis)
    scores = [score for score in ("UA", "WA") if f"{corpus} {score}" in published.columns()]
    recipes = dict.fromkeys(variant.recipe for variant in analysis.variants)
    rows = []
    for recipe in recipes:
        for row in published.scores:
            attention, labels = str(row["attention"]), str(row["labels"])
            variant = _matching_variant(analysis, recipe, attention, labels)
            paper = [float(row[f"{corpus} {score}"]) / 100 for score in scores]
            pooled = [None if variant is None else _pooled_score(variant, score) for score in scores]
            gaps = [None if share is None else share - printed for share, printed in zip(pooled, paper, strict=True)]
            rows.append(
                (
                    text_cell(f"{attention} · {labels}"),
                    *(percent_cell(share) for share in paper),
                    text_cell(NOT_APPLICABLE) if variant is None else variant_cell(variant, shared_caveats),
                    text_cell(recipe),
                    *(percent_cell(share) for share in pooled),
                    *(points_cell(gap) for gap in gaps),
                )
            )
    return Table(
        "beside_the_paper",
        "Beside the paper's Table 3",
        f"Percent; differences in points. {published.source.partition(':')[0]}. The paper tested "
        f"{format_count(paper_n)} utterances, this report {format_count(n)}. A difference is no test: features, "
        "training and folds may differ, and the paper does not name the scope of its scores. "
        "Only complete variants that no test score chose.",
        (
            Column("the paper's model", numeric=False),
            *_score_columns("paper", scores, greyed_out, "as printed in the paper, percent"),
            Column("here variant", numeric=False, group="here"),
            Column("here recipe", numeric=False, group="here"),
            *_score_columns("here", scores, greyed_out, "pooled, percent"),
            *_score_columns("difference", scores, greyed_out, "here less the paper, percentage points"),
        ),
        tuple(rows),
    )


def _score_columns(group: str, scores: list[str], greyed_out: bool, hint: str) -> list[Column]:
    return [
        Column(f"{group} UA", hint, group=group)
        if score == "UA"
        else wa_column(f"{group} WA", hint, greyed_out, group=group)
        for score in scores
    ]


def _pooled_score(variant: ScoredVariant, score: str) -> float:
    return (variant.scores.ua if score == "UA" else variant.scores.wa).mean


def _matching_variant(analysis: Analysis, recipe: str, attention: str, labels: str) -> ScoredVariant | None:
    """Reportable variant of a model of the paper, CTC on log-mels; of several results versions the newest."""
    matching = []
    for variant in analysis.reportable:
        settings = variant.configuration
        model = variant.recipe, settings.attention, settings.labels, settings.criterion, settings.features.kind
        if model == (recipe, attention, labels, "ctc", "log_mel"):
            matching.append(variant)
    return max(matching, key=lambda variant: variant.provenance.results_version, default=None)
