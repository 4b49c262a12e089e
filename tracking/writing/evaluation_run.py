"""Run of an evaluation in MLflow, beside the studies of the model's corpus."""

from mlflow.entities import Metric, Param, Run
from mlflow.tracking import MlflowClient
from numpy import array, int64

from tracking import schema
from tracking.analysis.figures.confusion_svg import confusion_svg
from tracking.backend.artifacts import Artifacts
from tracking.backend.client import end_run
from tracking.backend.queries import is_finished, search_runs
from tracking.results.evaluations import Evaluation
from tracking.writing.payloads import confusion_csv


def log_evaluation(client: MlflowClient, experiment: str, evaluation: Evaluation) -> str:
    """Log an evaluation as a run, unless it has one; a run that an interruption left open is completed.

    Returns:
        Id of the run.
    """
    identity = evaluation.identity
    runs = search_runs(client, experiment, ser__kind="evaluation", ser__evaluation=identity)
    run: Run = runs[0] if runs else client.create_run(experiment, tags=_tags(evaluation), run_name=_name(evaluation))
    run_id = str(run.info.run_id)
    if is_finished(run):
        return run_id
    started_ms = int(run.info.start_time)
    metrics = [Metric(name, value, started_ms, 0) for name, value in _metrics(evaluation).items()]
    params = [Param(name, value[:6000]) for name, value in run_params(evaluation).items()]
    client.log_batch(run_id, metrics, params)
    confusion, title = array(evaluation.confusion, dtype=int64), f"{evaluation.model} on {evaluation.test_corpus.name}"
    files = {
        schema.CONFUSION_NUMBERS: confusion_csv(confusion, evaluation.classes).encode(),
        schema.CONFUSION_PICTURE: confusion_svg(confusion, evaluation.classes, title),
        schema.EVALUATION_RESULT: evaluation.model_dump_json(indent=1).encode(),
    }
    Artifacts(client).log(run_id, files)
    end_run(client, run_id, "FINISHED")
    return run_id


def _name(evaluation: Evaluation) -> str:
    return f"{evaluation.model} on {evaluation.test_corpus.name}"


def _tags(evaluation: Evaluation) -> dict[str, str]:
    # Without the tag of the study: whoever looks for the runs of a study wants its trials.
    return {
        schema.KIND: "evaluation",
        schema.EVALUATION: evaluation.identity,
        schema.VARIANT: evaluation.variant,
        schema.TRAINED_ON: evaluation.trained_on,
        schema.WEIGHTS_DIGEST: evaluation.weights_sha256,
        schema.CORPUS: evaluation.training_corpus.name,
        schema.CORPUS_DIGEST: evaluation.training_corpus.digest,
        schema.TEST_CORPUS: evaluation.test_corpus.name,
        schema.TEST_CORPUS_DIGEST: evaluation.test_corpus.digest,
    }


def run_params(evaluation: Evaluation) -> dict[str, str]:
    """Name what was evaluated, and how, as parameters of the run."""
    return {
        "study": evaluation.study,
        "classes": ", ".join(evaluation.classes),
        "mapping": ", ".join(f"{name}={target}" for name, target in evaluation.mapping.items()),
        "left_out": ", ".join(f"{name} ({count})" for name, count in evaluation.left_out.items()) or "none",
        "heard_speakers": ", ".join(evaluation.heard_speakers) or "none",
        "unused_classes": ", ".join(evaluation.unused_classes) or "none",
        "networks": evaluation.networks,
        "situation": _situation(evaluation),
        "utterances": str(evaluation.utterances),
        "speakers": str(evaluation.speakers),
    }


def _situation(evaluation: Evaluation) -> str:
    """Name the situation, or several with their utterances."""
    if len(evaluation.situations) < 2:
        return next(iter(evaluation.situations), evaluation.situation)
    return ", ".join(f"{situation} ({count})" for situation, count in sorted(evaluation.situations.items()))


def _metrics(evaluation: Evaluation) -> dict[str, float]:
    metrics = {schema.TEST_UA: evaluation.ua, schema.TEST_WA: evaluation.wa}
    intervals = {schema.TEST_UA: evaluation.ua_interval, schema.TEST_WA: evaluation.wa_interval}
    for name, interval in intervals.items():
        if interval is not None:
            metrics |= {f"{name}_low": interval[0], f"{name}_high": interval[1]}
    return metrics
