"""MLflow's own pages over our runs, in a headless browser: a filter of the document, a view, descriptions, curves."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser import headless_browser
from tests.ser.configurations import small
from tests.tracking.studies_of_toys import Store, baseline
from tests.tracking.test_mlflow_page import filters
from tracking import schema
from tracking.views import TRIALS

WINDOWED = small(attention="component", scope=9, labels="phonemes", epochs=2)
PATIENCE_MS = 60_000
"""How long a page may take on a busy machine; a page that works is there in two seconds."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Site:
    """A served store."""

    experiment: str
    address: str
    trial: str
    fold: str
    study: str


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(server: subprocess.Popen[bytes], address: str) -> None:
    give_up = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < give_up:
        assert server.poll() is None, "the server ended"
        try:
            urlopen(f"{address}/health", timeout=5).close()
        except (URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Site]:
    """A store with a study of two trials, one of them with the folds of the document's filter, and a server over it."""
    store = Store(tmp_path_factory.mktemp("served"), empty_store)
    trial = store.write_trial(WINDOWED)
    fold = store.runs(ser__kind="fold")[0].info.run_id
    store.write_trial(small(attention="none", epochs=2))
    recorder = store.recorder()
    study = recorder.study_run()
    recorder.record_baseline(study, baseline())
    recorder.finish_study(study, complete=True)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = ["-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{store.folder / 'mlflow.db'}"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(server, address)
        yield Site(store.experiment, f"{address}/#/experiments/{store.experiment}", trial, fold, study)
    finally:
        # The server's own workers are of its group.
        os.killpg(server.pid, 15)
        server.wait()


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


def run_names(page: Page) -> list[str]:
    """Names in the table of runs, in the order of its rows."""
    links = page.locator(".ag-center-cols-container, .ag-pinned-left-cols-container").get_by_role("link")
    return [text for text in links.all_inner_texts() if "·" in text or text == "first"]


def test_a_filter_of_the_document_finds_its_rows(site: Site, page: Page) -> None:
    _, folds, *_ = filters()
    order = quote("tags.`mlflow.runName`")
    page.goto(
        f"{site.address}/runs?workflowType=machine_learning&orderByKey={order}&orderByAsc=true"
        f"&searchFilter={quote(folds, safe='')}"
    )
    expect(page.get_by_text("2 matching runs")).to_be_visible()
    assert sorted(run_names(page)) == ["fold 01 · f1", "fold 02 · f2"]
    shoot(page, "filter")


def test_the_view_of_trials_has_its_columns(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/{TRIALS.address}")
    expect(page.get_by_text("2 matching runs")).to_be_visible()
    for name in ("mean_validation_ua", "pooled_test_ua"):
        expect(page.get_by_role("columnheader", name=name).first).to_be_visible()
    assert sorted(run_names(page)) == ["component · scope 9 · phonemes", "none · words"]
    shoot(page, "trials")


def test_a_trials_page_shows_its_description_and_leads_to_its_curves(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/runs/{site.trial}")
    link = page.get_by_role("link", name="Curves of its folds")
    expect(link).to_be_visible()
    expect(page.get_by_role("cell", name="f1", exact=True).first).to_be_visible()
    shoot(page, "description")
    page.goto(f"{site.address}/{str(link.get_attribute('href')).partition(f'experiments/{site.experiment}/')[2]}")
    expect(page.get_by_text("2 matching runs")).to_be_visible()
    for fold in ("fold 01 · f1", "fold 02 · f2"):
        # One chart's legend names the curves of both folds.
        expect(page.get_by_text(f"{fold} (gradient_norm").first).to_be_visible()
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
    expect(page.get_by_text("Validation favours")).to_be_visible()
    # Once in the description, once in MLflow's own list of child runs.
    trial = page.get_by_role("link", name="component · scope 9 · phonemes")
    expect(trial).to_have_count(2)
    expect(trial.first).to_be_visible()
    shoot(page, "study")
