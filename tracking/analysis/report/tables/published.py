"""The paper's Table 3 with this report's scores beside it, where both tested the same utterances."""

from dataclasses import dataclass

from tracking.analysis.comparison.caveats import report_caveats, ua_only, variant_caveats
from tracking.analysis.comparison.overview import Analysis
from tracking.analysis.comparison.published import PublishedScores, published_scores
from tracking.analysis.report.tables.formatting import EM_DASH, format_count, format_percent, format_points
from tracking.analysis.report.tables.model import Column, Table, number_cell, text_cell, wa_column
from tracking.analysis.variants.predictions import PooledPredictions
from tracking.analysis.variants.scores import ScoredVariant

_PAPER_CORPUS_NAMES = {"iemocap": "IEMOCAP", "fau_aibo": "FAU-Aibo"}
_ALIKE = 0.01
"""Up to this share of the paper's utterances may be missing or more, such as files that cannot be read."""


@dataclass(frozen=True)
class PaperComparison:
    """The paper's scores beside this report's.

    Attributes:
        table: The table; None where the paper has no scores of these utterances.
        note: Why there is no table, for a corpus that the paper has, too; else empty.
    """

    table: Table | None
    note: str = ""


def paper_comparison(overview: Analysis) -> PaperComparison:
    """Sets the paper's Table 3 beside the scores of its corpora.

    Args:
        overview: What the results say.

    Returns:
        The table where corpus, classes and number of test utterances are the paper's.
    """
    whole = max((entry.predictions for entry in overview.variants), key=lambda one: len(one.utterances), default=None)
    corpus = None if whole is None else _PAPER_CORPUS_NAMES.get(whole.corpus.name)
    if whole is None or corpus is None:
        return PaperComparison(None)
    published = published_scores()
    theirs, here = published.corpora[corpus], _class_sizes(whole)
    n = sum(theirs.values())
    if set(here) != set(theirs) or abs(len(whole.utterances) - n) > _ALIKE * n:
        return PaperComparison(
            None,
            f"The paper's Table 3 is not set beside these scores: it tested {format_count(n)} utterances of "
            f"{', '.join(theirs)}; here {format_count(len(whole.utterances))} of {', '.join(here)} have a result.",
        )
    return PaperComparison(_table(overview, published, corpus, n, len(whole.utterances)))


def _class_sizes(evidence: PooledPredictions) -> dict[str, int]:
    return dict(zip(evidence.corpus.emotions, evidence.class_counts.tolist(), strict=True))


def _table(overview: Analysis, published: PublishedScores, corpus: str, theirs: int, here: int) -> Table:
    known, muted = report_caveats(overview), ua_only(overview)
    scores = [score for score in ("UA", "WA") if f"{corpus} {score}" in published.columns()]
    recipes = dict.fromkeys(entry.recipe for entry in overview.variants)
    rows = []
    for recipe in recipes:
        for row in published.scores:
            attention, labels = str(row["attention"]), str(row["labels"])
            entry = _matching_variant(overview, recipe, attention, labels)
            marks = [] if entry is None else [badge for badge in variant_caveats(entry) if badge not in known]
            paper = [float(row[f"{corpus} {score}"]) / 100 for score in scores]
            own = [None if entry is None else _pooled(entry, score) for score in scores]
            gaps = [None if mine is None else mine - one for mine, one in zip(own, paper, strict=True)]
            rows.append(
                (
                    text_cell(f"{attention} · {labels}"),
                    *(number_cell(format_percent(one), one) for one in paper),
                    text_cell(EM_DASH if entry is None else entry.label, marks),
                    text_cell(recipe),
                    *(number_cell(format_percent(one), one) for one in own),
                    *(number_cell(format_points(one), one) for one in gaps),
                )
            )
    return Table(
        "beside_the_paper",
        "Beside the paper's Table 3",
        f"Percent; differences in points. {published.source.partition(':')[0]}. The paper tested "
        f"{format_count(theirs)} utterances, here {format_count(here)}. A difference is no test: features, training "
        "and folds may differ, and the paper does not say which scope stands in its table. "
        "Only complete variants that no test score chose.",
        (
            Column("the paper's model", numeric=False),
            *_score_columns("paper", scores, muted, "as printed in the paper, percent"),
            Column("here variant", numeric=False, group="here"),
            Column("here recipe", numeric=False, group="here"),
            *_score_columns("here", scores, muted, "pooled, percent"),
            *_score_columns("difference", scores, muted, "here less the paper, percentage points"),
        ),
        tuple(rows),
    )


def _score_columns(group: str, scores: list[str], muted: bool, hint: str) -> list[Column]:
    return [
        Column(f"{group} UA", hint, group=group)
        if score == "UA"
        else wa_column(f"{group} WA", hint, muted, group=group)
        for score in scores
    ]


def _pooled(entry: ScoredVariant, score: str) -> float:
    return (entry.scores.ua if score == "UA" else entry.scores.wa).mean


def _matching_variant(overview: Analysis, recipe: str, attention: str, labels: str) -> ScoredVariant | None:
    """The variant that stands for a model of the paper, chosen without a test score; of several versions the newest."""
    found = [
        entry
        for entry in overview.reportable
        if (entry.recipe, entry.configuration.attention, entry.configuration.labels) == (recipe, attention, labels)
    ]
    return max(found, key=lambda entry: entry.provenance.results_version, default=None)
