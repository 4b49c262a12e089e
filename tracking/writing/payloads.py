"""Parameters, tags, metrics and CSV files of runs, computed from results and configurations.

Names of speakers, emotions and utterances come from the corpus and are escaped, so that no spreadsheet runs them.
"""

import csv
import io
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric
from numpy import int64
from numpy.typing import NDArray

from ser.config import FoldConfiguration, digest_of
from ser.corpora.corpus import Corpus
from ser.metrics import evaluation_confusion, unweighted_accuracy, weighted_accuracy
from ser.results import Evaluation, FoldResult
from tracking import schema
from tracking.analysis.escaping import escape_csv, escape_csv_cell
from tracking.analysis.trial_result import TrialResult
from tracking.backend.mlflow_internals import DATASET_CONTEXT
from tracking.context import StudyContext


def model_digest(configuration: FoldConfiguration) -> str:
    """Compute the digest of a whole configuration, which all folds of equal trials share."""
    return digest_of(configuration.digest_content())


def configuration_tags(configuration: FoldConfiguration) -> dict[str, str]:
    """Build the tags by which a variant's runs are filtered; inactive settings are left out."""
    values = {
        schema.MODEL: model_digest(configuration),
        schema.FEATURES: configuration.features.label,
        schema.FEATURES_DIGEST: digest_of(configuration.features.digest_content()),
        schema.ATTENTION: configuration.attention,
        schema.CRITERION: configuration.criterion,
        schema.LABELS: configuration.labels,
        schema.SCOPE: configuration.scope,
        schema.SEED: configuration.seed,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def study_tags(context: StudyContext) -> dict[str, str]:
    """Build the tags that all runs of a study have."""
    return {
        schema.STUDY: context.study,
        schema.RECIPE: context.recipe,
        schema.CORPUS: context.corpus.name,
        schema.CORPUS_DIGEST: context.corpus.digest,
        schema.SYNTHETIC: str(context.corpus.synthetic).lower(),
        schema.SCHEME: context.scheme[0].scheme,
        **context.tags,
    }


def log_params(configuration: FoldConfiguration) -> dict[str, str]:
    """Build the parameters of all settings: 'null' for an inactive one, 'features.NAME' for those of features."""
    values = configuration.model_dump(mode="json")
    values |= {f"features.{name}": value for name, value in values.pop("features").items()}
    return {name: "null" if value is None else str(value) for name, value in values.items()}


def curve_metrics(result: FoldResult) -> list[Metric]:
    """Build the rows of a fold's curve, one per value and epoch, with the time at which the epoch ended."""
    return [
        Metric(name, value, record.ended_ms, record.epoch)
        for record in result.curve
        for name, value in record.values.items()
    ]


def validation_ua(result: FoldResult) -> float:
    """Compute the UA of a fold's validation speakers, 0..1."""
    return unweighted_accuracy(evaluation_confusion(result.validation, len(result.corpus.emotions)))


def fold_scores(result: FoldResult) -> dict[str, float]:
    """Compute a fold's scores and shares, by metric name."""
    classes = len(result.corpus.emotions)
    test = evaluation_confusion(result.test, classes)
    validation = evaluation_confusion(result.validation, classes)
    scores = {
        schema.TEST_UA: unweighted_accuracy(test),
        schema.TEST_WA: weighted_accuracy(test),
        schema.VALIDATION_UA: unweighted_accuracy(validation),
        schema.VALIDATION_WA: weighted_accuracy(validation),
        schema.CAPPED_SHARE: result.targets.capped / result.targets.utterances,
        schema.FOLD_DURATION_S: (result.ended_ms - result.started_ms) / 1000,
    }
    if result.test.undecided_share is not None:
        scores[schema.UNDECIDED_SHARE] = result.test.undecided_share
    if result.attention_effect is not None:
        scores[schema.CHANGED_DECISION_SHARE] = result.attention_effect.changed_decision_share
        weights = result.attention_effect.weight_statistics
        scores |= {f"{schema.TEST_PREFIX}{name}": value for name, value in weights.items()}
    return scores


def trial_scores(trial: TrialResult) -> dict[str, float]:
    """Compute a complete trial's scores: pooled over folds, and mean and standard deviation over folds.

    The mean validation UA is what the search maximises; no test score enters it.
    """
    folds = [fold_scores(fold) for fold in trial.folds]
    pooled = trial_confusion(trial)
    uas = [scores[schema.TEST_UA] for scores in folds]
    was = [scores[schema.TEST_WA] for scores in folds]
    return {
        schema.POOLED_UA: unweighted_accuracy(pooled),
        schema.POOLED_WA: weighted_accuracy(pooled),
        schema.FOLD_MEAN_UA: statistics.fmean(uas),
        schema.FOLD_MEAN_WA: statistics.fmean(was),
        schema.FOLD_SD_UA: statistics.stdev(uas) if len(uas) > 1 else 0.0,
        schema.FOLD_SD_WA: statistics.stdev(was) if len(was) > 1 else 0.0,
        schema.MEAN_VALIDATION_UA: mean_validation_ua(trial),
        schema.CAPPED_SHARE: statistics.fmean(scores[schema.CAPPED_SHARE] for scores in folds),
        schema.FOLD_DURATION_S: statistics.fmean(scores[schema.FOLD_DURATION_S] for scores in folds),
        schema.FOLDS: float(len(folds)),
    } | _changed_decision_share(trial)


def _changed_decision_share(trial: TrialResult) -> dict[str, float]:
    """Pool the share of decisions that change without the attention; empty where a fold was not measured."""
    changed = [fold.attention_effect.changed_decision_share for fold in trial.folds if fold.attention_effect]
    if len(changed) < len(trial.folds):
        return {}
    return {
        schema.CHANGED_DECISION_SHARE: statistics.fmean(changed, [len(fold.test.utterances) for fold in trial.folds])
    }


def processor_tag(names: Iterable[str]) -> dict[str, str]:
    """Build the tag that names all devices that computed a run's folds.

    Args:
        names: Names of CPUs and GPUs, or values of this tag of other runs.
    """
    devices = {device for name in names for device in name.split(schema.PROCESSOR_SEPARATOR)} - {""}
    return {schema.PROCESSOR: schema.PROCESSOR_SEPARATOR.join(sorted(devices))} if devices else {}


def trial_processor_tag(trial: TrialResult) -> dict[str, str]:
    """Build the tag that names all devices that computed a trial's folds."""
    return processor_tag(fold.environment.get("device", "") for fold in trial.folds)


def mean_validation_ua(trial: TrialResult) -> float:
    """Compute the mean over folds of the validation speakers' UA, 0..1."""
    return statistics.fmean(validation_ua(fold) for fold in trial.folds)


def pooled_confusion(tests: Sequence[Evaluation], classes: int) -> NDArray[int64]:
    """Add up the confusion matrices of test subsets, shape `(class, class)`."""
    total = evaluation_confusion(tests[0], classes)
    for test in tests[1:]:
        total = total + evaluation_confusion(test, classes)
    return total


def trial_confusion(trial: TrialResult) -> NDArray[int64]:
    """Add up the test confusion matrices of a trial's folds, shape `(class, class)`."""
    return pooled_confusion([fold.test for fold in trial.folds], len(trial.folds[0].corpus.emotions))


def metrics_at(values: Mapping[str, float], timestamp_ms: int) -> list[Metric]:
    """Return metrics of one moment, such as the end of a fold, in milliseconds since 1970."""
    return [Metric(name, value, timestamp_ms, 0) for name, value in values.items()]


def predictions_csv(result: FoldResult) -> str:
    """Write all predictions of a fold: subset, utterance, speaker, session, emotions, and a score per emotion."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    emotions = result.corpus.emotions
    writer.writerow(
        ["part", "utterance", "speaker", "session", "actual", "predicted", *(f"score_{e}" for e in emotions)]
    )
    for subset, test in (("test", result.test), ("validation", result.validation)):
        columns = (test.utterances, test.speakers, test.sessions, test.actual, test.predicted)
        for (utterance, speaker, session, actual, predicted), scores in zip(
            zip(*columns, strict=True), test.scores, strict=True
        ):
            writer.writerow(
                [
                    subset,
                    *map(escape_csv, (utterance, speaker, session or "", emotions[actual], emotions[predicted])),
                    *(f"{s:.6f}" for s in scores),
                ]
            )
    return file.getvalue()


def confusion_csv(confusion: NDArray[int64], emotions: tuple[str, ...]) -> str:
    """Write a confusion matrix as a table, true emotions in rows."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = [escape_csv(emotion) for emotion in emotions]
    writer.writerow(["actual \\ predicted", *names])
    for name, row in zip(names, confusion.tolist(), strict=True):
        writer.writerow([name, *row])
    return file.getvalue()


_UTTERANCE_COLUMNS = {
    "utterance": "string",
    "speaker": "string",
    "session": "string",
    "site": "string",
    "split": "string",
    "emotion": "string",
    "duration_s": "double",
    "words": "long",
    "words_from": "string",
    "voiced_phonemes": "long",
    "voiced_phonemes_from": "string",
    "language": "string",
}
"""Columns of the tracked dataset, with MLflow's types; the corpus's dimensional ratings follow."""


def utterances_csv(corpus: Corpus) -> str:
    """Write all utterances of a corpus: speaker, label, counts with their sources, ratings.

    An unknown value is an empty cell.
    """
    file = io.StringIO()
    ratings = _ratings(corpus)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*_UTTERANCE_COLUMNS, *map(escape_csv, ratings)])
    for utterance, duration_s in zip(corpus.utterances, corpus.durations_s, strict=True):
        labels = [utterance.id, utterance.speaker, utterance.session, utterance.site, utterance.split]
        words = (utterance.words, utterance.words_source)
        phonemes = (utterance.voiced_phonemes, utterance.voiced_phonemes_source)
        cells = [*labels, utterance.emotion, f"{duration_s:.4f}", *words, *phonemes]
        rated = (utterance.ratings.get(name) for name in ratings)
        writer.writerow(map(escape_csv_cell, [*cells, utterance.language or corpus.language, *rated]))
    return file.getvalue()


def _ratings(corpus: Corpus) -> list[str]:
    """List the dimensional ratings that any utterance has, in their order."""
    return list(dict.fromkeys(name for utterance in corpus.utterances for name in utterance.ratings))


def dataset_input(corpus: Corpus) -> DatasetInput:
    """Build the MLflow dataset of a corpus: name, digest, folder, columns, size and the sources of its counts.

    Its rows are the study run's artifact `schema.UTTERANCES`.
    """
    profile = {
        "utterances": len(corpus.utterances),
        "speakers": len(corpus.speakers),
        "duration_s": round(sum(corpus.durations_s), 1),
        "skipped": len(corpus.skipped),
        "synthetic": corpus.synthetic,
        "words_from": corpus.words_source,
        "voiced_phonemes_from": corpus.voiced_phonemes_source,
    }
    columns = _UTTERANCE_COLUMNS | dict.fromkeys(_ratings(corpus), "double")
    dataset = Dataset(
        name=corpus.name,
        digest=corpus.digest,
        source_type="local",
        source=json.dumps({"uri": str(corpus.root)}),
        schema=json.dumps({"mlflow_colspec": [{"name": name, "type": kind} for name, kind in columns.items()]}),
        profile=json.dumps(profile),
    )
    return DatasetInput(dataset, [InputTag(DATASET_CONTEXT, "cross-validation")])
