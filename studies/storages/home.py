"""Data directory of a user, with paths of data, results and reports; `data` by default."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from studies.storages import storage_at
from studies.storages.base import Storage


@dataclass(frozen=True)
class Home:
    """Data directory, which contains everything that is computed.

    Attributes:
        root: The directory.
        storage_url: PostgreSQL database of studies, or None for SQLite in the directory.
        tracking_uri: MLflow tracking server, such as 'http://localhost:5000', or None for SQLite in the directory.
    """

    root: Path
    storage_url: str | None = None
    tracking_uri: str | None = None

    @cached_property
    def storage(self) -> Storage:
        """Optuna's studies and their leases."""
        return storage_at(self.storage_url, self.root / "optuna.db")

    @property
    def tracking_uri_or_path(self) -> Path | str:
        """Location of MLflow's runs: the URI of a server, or a SQLite file."""
        return self.tracking_uri or self.root / "mlflow.db"

    @property
    def demo_corpus(self) -> Path:
        """Generated demo corpus."""
        return self.root / "corpora" / "demo"

    @property
    def features(self) -> Path:
        """Feature stores."""
        return self.root / "features"

    @property
    def results(self) -> Path:
        """Results of finished folds, one file each."""
        return self.root / "results"

    @property
    def trash(self) -> Path:
        """Results that were discarded or are damaged."""
        return self.root / "trash"

    @property
    def outbox(self) -> Path:
        """Results that earlier versions had not yet written to MLflow."""
        return self.root / "outbox"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "artifacts"

    @property
    def models(self) -> Path:
        """Models made of studies."""
        return self.root / "models"

    @property
    def evaluations(self) -> Path:
        """Scores of models on corpora, one file each."""
        return self.root / "evaluations"

    @property
    def reports(self) -> Path:
        """Report."""
        return self.root / "reports"

    @property
    def unseen(self) -> Path:
        """Decisions of trained folds on test speakers of whom few recordings are at hand, one file each."""
        return self.root / "unseen"

    @property
    def machine_cache(self) -> Path:
        """Measurements of this machine."""
        return self.root / "machine.json"

    @property
    def gpu_check(self) -> Path:
        """Figures of `make gpu-check`."""
        return self.root / "gpu-check.json"

    def live_status(self, study: str) -> Path:
        """Live status of a study."""
        return self.root / "status" / f"{study}.json"

    def uploaded_report(self, study: str) -> Path:
        """Key of the report that MLflow has of a study, so that the same report needs no MLflow."""
        return self.root / "status" / f"{study}.uploaded"

    def failures(self, study: str) -> Path:
        """Failed attempts at a study's folds, with their tracebacks."""
        return self.root / "failures" / f"{study}.txt"

    def log(self, study: str) -> Path:
        """Log of a study: retries, outages, leases and nodes, with times."""
        return self.root / "logs" / f"{study}.log"

    def lock(self, name: str) -> Path:
        """Path of a lock file."""
        return self.root / "locks" / f"{name}.lock"
