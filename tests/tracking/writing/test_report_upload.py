import errno
from pathlib import Path

import pytest
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.tracking import MlflowClient

from tests.support.toy_studies import CORPUS, MlflowFixture
from tracking.writing.report_upload import upload_report


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "report"
    (folder / "tables").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>page</h1>")
    (folder / "tables" / "tests.csv").write_text("a,b\n")
    return folder


def test_a_report_is_logged_once_and_again_when_it_has_changed(store: MlflowFixture, report: Path) -> None:
    study = store.recorder().ensure_study_run()
    logged = store.folder / "artifacts" / CORPUS.name / study / "artifacts" / "report"
    assert upload_report(store.client, store.experiment, "first", report, pytest.fail)
    assert (logged / "tables" / "tests.csv").read_text() == "a,b\n"
    (logged / "index.html").unlink()
    assert not upload_report(store.client, store.experiment, "first", report, pytest.fail)
    assert not (logged / "index.html").exists()
    (report / "tables" / "tests.csv").write_text("a,c\n")
    assert upload_report(store.client, store.experiment, "first", report, pytest.fail)
    assert (logged / "tables" / "tests.csv").read_text() == "a,c\n"
    assert (logged / "index.html").exists()


def test_tables_that_a_report_no_longer_has_are_removed_in_mlflow(store: MlflowFixture, report: Path) -> None:
    study = store.recorder().ensure_study_run()
    logged = store.folder / "artifacts" / CORPUS.name / study / "artifacts" / "report" / "tables"
    for name in ("map.csv", "beside_the_paper.tex", "by_hand.csv"):
        (report / "tables" / name).write_text("a\n")
    upload_report(store.client, store.experiment, "first", report, pytest.fail)
    for name in ("map.csv", "beside_the_paper.tex", "by_hand.csv"):
        (report / "tables" / name).unlink()
    upload_report(store.client, store.experiment, "first", report, pytest.fail)
    assert {path.name for path in logged.iterdir()} == {"tests.csv", "by_hand.csv"}


def test_a_store_that_deletes_nothing_has_the_report(
    store: MlflowFixture, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(repository: LocalArtifactRepository, path: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    store.recorder().ensure_study_run()
    former, notes = report / "tables" / "map.csv", list[str]()
    former.write_text("a\n")
    upload_report(store.client, store.experiment, "first", report, notes.append)
    former.unlink()
    monkeypatch.setattr(LocalArtifactRepository, "delete_artifacts", refuse)
    assert upload_report(store.client, store.experiment, "first", report, notes.append)
    assert len(notes) == 1
    assert "cannot be deleted ([Errno 13] Permission denied: 'report/tables/map.csv')" in notes[0]
    assert not upload_report(store.client, store.experiment, "first", report, notes.append)


def test_a_file_under_another_name_is_another_report(store: MlflowFixture, report: Path) -> None:
    store.recorder().ensure_study_run()
    upload_report(store.client, store.experiment, "first", report, pytest.fail)
    (report / "tables" / "tests.csv").rename(report / "tables" / "others.csv")
    assert upload_report(store.client, store.experiment, "first", report, pytest.fail)


def test_a_report_that_was_half_logged_is_logged_again(
    store: MlflowFixture, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.recorder().ensure_study_run()
    upload_report(store.client, store.experiment, "first", report, pytest.fail)
    page = report / "index.html"
    first = page.read_text()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifacts", killed)
        page.write_text("<h1>another</h1>")
        with pytest.raises(KeyboardInterrupt):
            upload_report(store.client, store.experiment, "first", report, pytest.fail)
    # Files of both may be there now.
    page.write_text(first)
    assert upload_report(store.client, store.experiment, "first", report, pytest.fail)


def test_a_study_that_has_no_run_yet_gets_no_report(store: MlflowFixture, report: Path) -> None:
    store.recorder("another").ensure_study_run()
    assert not upload_report(store.client, store.experiment, "first", report, pytest.fail)
    assert "ser.report_digest" not in store.runs()[0].data.tags
