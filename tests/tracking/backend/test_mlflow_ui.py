"""MLflow's own pages over our runs, in a headless browser: the tree, filters, a view, descriptions, curves, names."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import torch
from playwright.sync_api import Page, expect

from ser.training.checkpoint import StoredFold, serialize_fold
from ser.training.trainer import TrainedFold
from tests.support.browser import headless_browser
from tests.support.mlflow_server import MlflowServer
from tests.support.toy_corpus import small
from tests.support.toy_studies import MlflowFixture, baseline, trial_id, trial_result
from tests.tracking.backend.test_mlflow_page import filters
from tracking import schema
from tracking.backend.client import experiment_id
from tracking.backend.views import APP_NAME, START_PAGE_VARIABLE, TRIALS
from tracking.writing.recorder import Recorder

WINDOWED = small(attention="component", scope=9, labels="phonemes", epochs=2)
FAILED = small(attention="quantum", epochs=2)
HOSTILE = "<img src=x onerror=alert(1)> **b** [x](javascript:alert(2)) _i_ | `c`"
NAME_CELL = "[col-id='attributes.`Run Name`'][role=gridcell]"
PATIENCE_MS = 60_000
"""How long a page may take on a busy machine; a page that works is there in two seconds."""

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@dataclass(frozen=True)
class Site:
    """A served store.

    Attributes:
        server: Address of its pages.
        experiment: The experiment of the toy corpus.
        trial: Its complete trial with a window.
        study: Its study.
        hostile: An experiment whose speakers have hostile names.
        hostile_trial: Its trial.
    """

    server: str
    experiment: str
    trial: str
    fold: str
    study: str
    hostile: str
    hostile_trial: str

    @property
    def address(self) -> str:
        """Where the pages of the toy corpus's experiment are."""
        return f"{self.server}/#/experiments/{self.experiment}"


def write_hostile_trial(store: MlflowFixture) -> tuple[str, str]:
    """A trial whose folds bear a hostile speaker's name, in an experiment of its own; returns both ids."""
    experiment = experiment_id(store.client, "hostile", store.folder / "artifacts")
    recorder = Recorder(store.client, experiment, store.context("second"), store.folder / "recording.lock")
    plain = trial_result(WINDOWED, "second", "")
    folds = tuple(
        result.model_copy(
            update={"fold": result.fold.model_copy(update={"name": HOSTILE, "test_speakers": (HOSTILE,)})}
        )
        for result in plain.folds
    )
    run = recorder.ensure_trial_run(recorder.ensure_study_run(), trial_id(WINDOWED), WINDOWED)
    for fold in folds:
        path = store.folder / "hostile.safetensors"
        path.write_bytes(serialize_fold(TrainedFold(fold, {"none": torch.zeros(1)})))
        recorder.log_fold(run, StoredFold(fold, path))
    recorder.finish_trial(run, plain.model_copy(update={"folds": folds, "run_id": run}), {})
    return experiment, run


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Site]:
    """A store with a study of two complete trials and a failed one, a hostile trial, and a server over it."""
    store = MlflowFixture(tmp_path_factory.mktemp("served"), empty_store)
    trial = store.write_trial(WINDOWED)
    fold = store.runs(ser__kind="fold")[0].info.run_id
    store.write_trial(small(attention="none", epochs=2))
    recorder = store.recorder()
    recorder.fail_trial(store.write_trial(FAILED, folds=1), "no memory")
    study = recorder.ensure_study_run()
    recorder.record_baseline(study, baseline())
    recorder.finish_study(study, complete=True)
    hostile = write_hostile_trial(store)
    database, options = f"sqlite:///{store.folder / 'mlflow.db'}", ("--workers", "1", "--app-name", APP_NAME)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(START_PAGE_VARIABLE, f"#/experiments/{store.experiment}/{TRIALS.address}")
        server = MlflowServer(tmp_path_factory.mktemp("server"), database, *options)
        server.start()
    with server:
        yield Site(server.url, store.experiment, trial, fold, study, *hostile)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with headless_browser() as browser:
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield page


def shoot(page: Page, name: str) -> None:
    """Keeps a picture where SER_SCREENSHOTS names a folder, for a person to look at."""
    folder = os.environ.get("SER_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", timeout=PATIENCE_MS)


_ROWS = """cell => [...document.querySelectorAll(cell)].map(
    each => [Number(each.closest(".ag-row").getAttribute("row-index")), each.querySelector("a")?.textContent.trim()])"""


def run_names(page: Page) -> list[str]:
    """Names in the table of runs, from the top row to the last one."""
    return [name for _, name in sorted(page.evaluate(_ROWS, NAME_CELL)) if name is not None]


def expect_runs(page: Page, *names: str) -> None:
    """Waits until the table has rows of these names, in this order."""
    give_up = time.monotonic() + PATIENCE_MS / 1000
    while (names_shown := run_names(page)) != list(names):
        assert time.monotonic() < give_up, names_shown
        page.wait_for_timeout(100)


def folds_of(trial: str) -> tuple[str, str]:
    """Names of the runs of a trial's folds."""
    return f"{trial} · fold 01 · f1", f"{trial} · fold 02 · f2"


def toggle(page: Page, name: str) -> None:
    """Opens a row of the tree, or closes it."""
    cell = page.locator(NAME_CELL).filter(has=page.get_by_role("link", name=name, exact=True))
    cell.get_by_role("button").click()


def search(page: Page, filter_: str) -> None:
    """Types a filter into the field above the table."""
    field = page.get_by_placeholder("metrics.rmse")
    field.fill(filter_)
    field.press("Enter")


def test_the_tree_opens_from_study_to_trials_to_folds(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/runs?workflowType=machine_learning")
    expect_runs(page, "first")
    toggle(page, "first")
    trials = ("quantum · words", "none · words", "component · scope 9 · phonemes")
    expect_runs(page, "first", *trials)
    toggle(page, "component · scope 9 · phonemes")
    expect_runs(page, "first", *trials, *reversed(folds_of(trials[2])))
    shoot(page, "tree")
    toggle(page, "none · words")
    folds = [tuple(reversed(folds_of(trial))) for trial in trials]
    expect_runs(page, "first", *trials[:2], *folds[1], trials[2], *folds[2])
    toggle(page, "first")
    expect_runs(page, "first")


def test_a_filter_of_the_document_finds_its_rows_and_no_others(site: Site, page: Page) -> None:
    favoured, folds, speaker, failed, curves = filters()
    order = quote("tags.`mlflow.runName`")
    page.goto(f"{site.address}/runs?workflowType=machine_learning&orderByKey={order}&orderByAsc=true")
    expect(page.get_by_text("9 matching runs")).to_be_visible()
    both = folds_of("component · scope 9 · phonemes")
    search(page, folds)
    expect_runs(page, *both)
    shoot(page, "filter")
    search(page, favoured)
    expect_runs(page, "component · scope 9 · phonemes", "none · words")
    search(page, speaker.replace("'08'", "'f1'"))
    expect_runs(page, both[0], folds_of("none · words")[0], folds_of("quantum · words")[0])
    search(page, failed)
    expect_runs(page, "quantum · words")
    search(page, curves.replace("RUN_ID", site.trial))
    expect_runs(page, *both)
    search(page, speaker)
    expect(page.get_by_text("0 matching runs")).to_be_visible()
    assert run_names(page) == []


def test_the_view_of_trials_has_its_columns(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/{TRIALS.address}")
    expect(page.get_by_text("3 matching runs")).to_be_visible()
    for name in ("mean_validation_ua", "pooled_test_ua"):
        expect(page.get_by_role("columnheader", name=name).first).to_be_visible()
    assert sorted(run_names(page)) == ["component · scope 9 · phonemes", "none · words", "quantum · words"]
    shoot(page, "trials")


def test_the_bare_address_opens_the_trials(site: Site, page: Page) -> None:
    page.goto("about:blank")
    page.goto(site.server)
    expect(page.get_by_text("3 matching runs")).to_be_visible()
    assert page.url.startswith(f"{site.address}/{TRIALS.address}")
    # An address with a page of its own stays.
    page.goto("about:blank")
    page.goto(f"{site.address}/runs/{site.trial}")
    expect(page.get_by_role("link", name="Curves of its folds")).to_be_visible()
    assert page.url.partition("?")[0] == f"{site.address}/runs/{site.trial}"


def test_a_trial_page_shows_its_description_and_curves(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/runs/{site.trial}")
    link = page.get_by_role("link", name="Curves of its folds")
    expect(link).to_be_visible()
    expect(page.get_by_role("cell", name="f1", exact=True).first).to_be_visible()
    shoot(page, "description")
    page.goto(f"{site.address}/{str(link.get_attribute('href')).partition(f'experiments/{site.experiment}/')[2]}")
    expect(page.get_by_text("2 matching runs")).to_be_visible()
    page.get_by_placeholder("Search metric charts").fill("loss")
    charts = page.get_by_test_id("experiment-view-compare-runs-card")
    for metric in ("training_loss", "validation_loss"):
        # One chart's legend names the curves of both folds, and each has a point for each of its two epochs.
        chart = charts.filter(has_text=metric)
        for fold in folds_of("component · scope 9 · phonemes"):
            expect(chart.get_by_text(f"{fold} ({metric})")).to_be_visible()
        expect(chart.locator(".scatterlayer .points path")).to_have_count(2 * 2)
    shoot(page, "curves")


def test_a_folds_page_shows_its_confusion_matrix(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/runs/{site.fold}/artifacts")
    page.get_by_text(schema.CONFUSION_PICTURE).click()
    picture = page.locator("img[src^='blob:']").first
    expect(picture).to_be_visible()
    # One that cannot be drawn is 0 pixels wide, whatever frame is shown.
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 200
    shoot(page, "confusion")


def test_a_studys_page_shows_its_trials(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/runs/{site.study}")
    expect(page.get_by_text("Best by validation")).to_be_visible()
    # Once in the description, once in MLflow's own list of child runs.
    trial = page.get_by_role("link", name="component · scope 9 · phonemes")
    expect(trial).to_have_count(2)
    expect(trial.first).to_be_visible()
    shoot(page, "study")


def test_hostile_names_come_out_as_text(site: Site, page: Page) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    order = quote("tags.`mlflow.runName`")
    address = f"{site.server}/#/experiments/{site.hostile}/runs"
    page.goto(f"{address}?workflowType=machine_learning&orderByKey={order}&orderByAsc=true")
    variant = "component · scope 9 · phonemes"
    names = [f"{variant} · fold {number:02d} · {HOSTILE}" for number in (1, 2)]
    expect_runs(page, variant, *names, "second")
    shoot(page, "hostile-runs")
    page.goto(f"{address}/{site.hostile_trial}?workflowType=machine_learning")
    expect(page.get_by_role("link", name="Curves of its folds")).to_be_visible()
    # As the fold's name and as its speaker, in each of two rows.
    expect(page.get_by_role("cell", name=HOSTILE, exact=True)).to_have_count(4)
    shoot(page, "hostile-trial")
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert dialogs == []
