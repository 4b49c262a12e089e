"""Where a user's data, results and reports lie: one folder, `data` unless told otherwise."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from studies.storages import storage_at
from studies.storages.base import Storage


@dataclass(frozen=True)
class Home:
    """The folder below which everything that is computed is kept.

    Attributes:
        root: The folder.
        storage_url: PostgreSQL database of studies, or None for SQLite in the folder.
        tracking_uri: MLflow tracking server, such as 'http://localhost:5000', or None for SQLite in the folder.
    """

    root: Path
    storage_url: str | None = None
    tracking_uri: str | None = None

    @cached_property
    def storage(self) -> Storage:
        """Where studies are kept, and who coordinates them."""
        return storage_at(self.storage_url, self.root / "optuna.db")

    @property
    def tracking_uri_or_path(self) -> Path | str:
        """Where runs are kept: the URI of a server, or a SQLite file."""
        return self.tracking_uri or self.root / "mlflow.db"

    @property
    def demo_corpus(self) -> Path:
        """The generated demo corpus."""
        return self.root / "corpora" / "demo"

    @property
    def features(self) -> Path:
        """Feature stores."""
        return self.root / "features"

    @property
    def outbox(self) -> Path:
        """Fold results that wait to be written to MLflow."""
        return self.root / "outbox"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "artifacts"

    @property
    def reports(self) -> Path:
        """Reports."""
        return self.root / "reports"

    @property
    def machine_cache(self) -> Path:
        """What was measured of this machine."""
        return self.root / "machine.json"

    def live_status(self, study: str) -> Path:
        """What a study's coordinator tells other terminals."""
        return self.root / "status" / f"{study}.json"

    def failures(self, study: str) -> Path:
        """Every failed attempt at a study's folds, with its traceback."""
        return self.root / "failures" / f"{study}.txt"

    def log(self, study: str) -> Path:
        """Log of a study: retries, outages, leases and nodes, with times."""
        return self.root / "logs" / f"{study}.log"

    def lock(self, name: str) -> Path:
        """A lock file."""
        return self.root / "locks" / f"{name}.lock"
