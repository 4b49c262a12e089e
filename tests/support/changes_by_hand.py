"""Changes by hand of a finished study in MLflow and Optuna."""

from tests.support.study_damage import Damage, Damaged
from tracking import schema


def delete_a_metric(place: Damaged) -> None:
    run_id = place.run("fold").info.run_id
    for table in ("metrics", "latest_metrics"):
        place.change_database("mlflow.db", f"DELETE FROM {table} WHERE key = 'test_ua' AND run_uuid = ?", run_id)


CHANGES = {
    "study run set to FAILED": Damage(
        lambda place: place.set_status(place.run("study"), "FAILED"), ("stuck",), "FAILED, but all its trials are"
    ),
    "trial run set to FAILED": Damage(
        lambda place: place.set_status(place.run("trial"), "FAILED"), ("missing",), "does not show its end"
    ),
    "metric of a fold logged by hand": Damage(
        lambda place: place.log_metric(place.run("fold"), "test_ua", 2.5),
        ("changed", "missing"),
        "test_ua is 2.5 in MLflow and ",
        superseded=1,
    ),
    "metric of a trial logged by hand": Damage(
        lambda place: place.log_metric(place.run("trial"), "pooled_test_ua", 2.5),
        ("changed", "missing"),
        "pooled_test_ua is 2.5 in MLflow and ",
        superseded=1,
    ),
    "metric of a fold deleted": Damage(
        delete_a_metric,
        ("changed", "missing"),
        "test_ua is missing in MLflow and 1 in the stored result; it is written again",
    ),
    "parameter of a fold changed": Damage(
        lambda place: place.change_database(
            "mlflow.db",
            "UPDATE params SET value = '8' WHERE key = 'cells' AND run_uuid = ?",
            place.run("fold").info.run_id,
        ),
        ("changed", "missing"),
        "cells is 8 in MLflow and 4 in the stored result; a new run is written",
        superseded=1,
    ),
    "tag of a fold changed": Damage(
        lambda place: place.store.client.set_tag(place.run("fold").info.run_id, schema.MODEL, "foo"),
        ("changed",),
        "tag ser.model is foo in MLflow and ",
    ),
    "tag of a trial deleted": Damage(
        lambda place: place.store.client.delete_tag(place.run("trial").info.run_id, schema.LABELS),
        ("changed",),
        "tag ser.labels is missing in MLflow and words in the stored result; its tags are set again",
    ),
    "artifact of a fold cut": Damage(
        lambda place: place.replace_artifact(
            place.run("fold"), schema.TRAINED_FOLD, lambda content: content[: len(content) // 2]
        ),
        ("changed", "missing"),
        "artifact fold.safetensors differs from the stored result (",
    ),
    "a bit of the artifact of a fold flipped": Damage(
        lambda place: place.replace_artifact(
            place.run("fold"), schema.TRAINED_FOLD, lambda content: content[:-1] + bytes([content[-1] ^ 1])
        ),
        ("changed", "missing"),
        "artifact fold.safetensors differs from the stored result (",
    ),
    "predictions of a fold edited": Damage(
        lambda place: place.replace_artifact(place.run("fold"), schema.PREDICTIONS, lambda content: content + b"x"),
        ("changed", "missing"),
        "artifact predictions.csv is not what was written (SHA-256 ",
    ),
    "digests of a fold's artifacts edited": Damage(
        lambda place: place.store.client.set_tag(place.run("fold").info.run_id, schema.ARTIFACT_DIGESTS, "foo"),
        ("changed", "missing"),
        "artifact confusion.csv is not what was written (SHA-256 ",
    ),
    "picture of a trial deleted": Damage(
        lambda place: (place.artifacts(place.run("trial")) / schema.CONFUSION_PICTURE).unlink(),
        ("changed", "missing"),
        "artifact confusion.svg is missing; it is written again",
    ),
    "value of a trial changed in the search": Damage(
        lambda place: place.change_database("optuna.db", "UPDATE trial_values SET value = 2.5 WHERE trial_id = 1"),
        ("changed", "missing"),
        "Optuna's trial 0: its value is 2.5 in Optuna and 0.",
    ),
    "value of a trial deleted in the search": Damage(
        lambda place: place.change_database("optuna.db", "DELETE FROM trial_values WHERE trial_id = 1"),
        ("malformed", "missing"),
        "Optuna's trial 0: COMPLETE without a value",
    ),
    "trial set to FAIL in the search": Damage(
        lambda place: place.set_trial_state("FAIL"), ("missing",), "does not show its end"
    ),
    "trial set to RUNNING in the search": Damage(
        lambda place: place.set_trial_state("RUNNING"), ("missing",), "does not show its end"
    ),
    "trial set to WAITING in the search": Damage(
        lambda place: place.set_trial_state("WAITING"), ("missing",), "does not show its end"
    ),
    "trial set to PRUNED in the search": Damage(
        lambda place: place.set_trial_state("PRUNED"), ("missing", "malformed", "missing"), "does not show its end"
    ),
}
