"""Private parts of other libraries: all used in one module per library, and still there in the installed version."""

import ast
import sqlite3
from contextlib import closing
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from shutil import copyfile

import mlflow
import pytest

ROOT = Path(__file__).parent.parent

# Library, the version that our module was written for, the module, and what it uses of the library.
MLFLOW = ("mlflow", "3.17", "tracking/backend/mlflow_internals.py")
OPTUNA = ("optuna", "5.0", "studies/search/optuna_internals.py")
TORCH = ("torch", "2.13", "ser/training/optimizer.py")
USED = {
    MLFLOW: (
        "mlflow.store.artifact.artifact_repository_registry:get_artifact_repository",
        "mlflow.store.artifact.artifact_repo:ArtifactRepository._download_file",
        "mlflow.store.db.utils:_logger",
        "mlflow.tracking.request_header.databricks_request_header_provider:DatabricksRequestHeaderProvider.in_context",
        "mlflow.utils.mlflow_tags:MLFLOW_DATASET_CONTEXT",
        # Used by tests alone.
        "mlflow.store.db.utils:_get_latest_schema_revision",
        "mlflow.tracking._tracking_service.utils:_artifact_repos_cache",
        "mlflow.utils.search_utils:SearchUtils",
    ),
    OPTUNA: (
        "optuna.storages:BaseStorage.get_trial_id_from_study_id_trial_number",
        "optuna.storages._cached_storage:_CachedStorage",
    ),
    TORCH: tuple(
        f"torch:{name}"
        for name in (
            *("_foreach_mul_", "_foreach_addcmul_", "_foreach_add", "_foreach_sqrt_", "_foreach_addcdiv_"),
            "_foreach_lerp_",
        )
    ),
}
# Underscored, and documented all the same.
DOCUMENTED = {"_exit", "_replace"}
PRIVATE_MODULES = ("mlflow.store.", "mlflow.utils.", "mlflow.tracking.request_header.")


def blame(part: tuple[str, str, str], name: str) -> str:
    library, written_for, module = part
    return f"{library} {version(library)} has no {name}; {module} was written for {library} {written_for}"


def is_there(name: str) -> bool:
    """Whether a module has an attribute, named as 'module:attribute'."""
    module, _, attributes = name.partition(":")
    try:
        owner = import_module(module)
        for attribute in attributes.split("."):
            owner = getattr(owner, attribute)
    except (ImportError, AttributeError):
        return False
    return True


def test_a_name_that_is_gone_is_noticed() -> None:
    assert not is_there("mlflow.tracking:no_such_name")
    assert not is_there("mlflow.no_such_module:MlflowClient")


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, names in USED.items() for name in names])
def test_a_private_name_is_still_there(part: tuple[str, str, str], name: str) -> None:
    assert is_there(name), blame(part, name)


def test_optuna_studies_and_trials_have_their_private_ids() -> None:
    import optuna

    study = optuna.create_study()
    trial = study.ask()
    for owner, name in ((study, "_storage"), (study, "_study_id"), (study.trials[0], "_trial_id")):
        assert hasattr(owner, name), blame(OPTUNA, f"{type(owner).__name__}.{name}")
    assert optuna.Trial(study, study.trials[0]._trial_id).number == trial.number


def test_mlflow_s_page_reads_the_tag_of_saved_views() -> None:
    from tracking.backend.mlflow_internals import SAVED_VIEW

    scripts = (Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js").glob("main.*.js")
    assert any(SAVED_VIEW.rstrip(".") in script.read_text() for script in scripts), blame(MLFLOW, SAVED_VIEW)


def test_mlflow_s_database_has_no_other_columns_of_locations(
    empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tracking.backend.mlflow_internals import recorded_artifact_roots, replace_artifact_root

    database = copyfile(empty_store, tmp_path / "mlflow.db")
    # Traces are written to the global store.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    client = mlflow.MlflowClient()
    former, current = "file:///former%20home/artifacts", "file:///home/artifacts"
    experiment = client.create_experiment("a corpus", artifact_location=f"{former}/a%20corpus")
    run = client.create_run(experiment)
    model = client.create_logged_model(experiment, "model", source_run_id=run.info.run_id)
    client.create_registered_model("model")
    client.create_model_version("model", model.artifact_location, run.info.run_id)
    trace = client.start_trace("trace", experiment_id=experiment)
    client.end_trace(trace.trace_id)
    with closing(sqlite3.connect(database)) as connection, connection:
        assert recorded_artifact_roots(connection) == {former}, blame(MLFLOW, "recorded_artifact_roots")
        recorded = "\n".join(connection.iterdump())
        replace_artifact_root(connection, former, current)
        assert "\n".join(connection.iterdump()) == recorded.replace(former, current), blame(MLFLOW, "location")
    assert recorded.count(former) >= 6


def private_uses(path: Path) -> list[str]:
    """Private attributes of other objects, and imports of private modules, of a source file."""
    tree = ast.parse(path.read_text())
    defined = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_own(node.value)}
    defined |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    uses = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            if node.attr not in defined | DOCUMENTED:
                uses.append(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom) and node.module:
            private = node.module.startswith(PRIVATE_MODULES) or "._" in node.module
            if private or any(name.name.startswith("_") for name in node.names):
                uses.append(ast.unparse(node))
    return uses


def is_own(value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def test_private_parts_are_used_in_one_module_per_library() -> None:
    sources = [path for package in ("ser", "tracking", "studies") for path in (ROOT / package).rglob("*.py")]
    assert len(sources) > 100
    uses = {str(path.relative_to(ROOT)): private_uses(path) for path in sources}
    assert {path for path, names in uses.items() if names} == {module for _, _, module in USED}
