"""A study whose runs a tracking server keeps."""

from pathlib import Path

from studies.storages.home import Home
from tests.support.toy_coordinator import StudyFixture
from tracking.backend.client import connect, experiment_id


class ServedStudy(StudyFixture):
    """A study of the toy corpus, tracked by a server.

    Args:
        folder: The study's folder.
        empty_store: An empty MLflow database.
        empty_search: An empty Optuna database.
        url: URL of the server.
        experiment: Name of the experiment; tests that share a server use one each.
    """

    def __init__(self, folder: Path, empty_store: Path, empty_search: Path, url: str, experiment: str) -> None:
        super().__init__(folder, empty_store, empty_search)
        self.home = Home(folder, tracking_uri=url)
        self.store.client, self.store.shared = connect(url), True
        self.store.experiment = experiment_id(self.store.client, experiment, None)
