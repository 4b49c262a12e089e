"""Where a user's data, results and reports lie: one folder, `data` unless told otherwise."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder below which everything that is computed is kept.

    Attributes:
        root: The folder.
    """

    root: Path

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
    def optuna_database(self) -> Path:
        """Optuna's studies."""
        return self.root / "optuna.db"

    @property
    def mlflow_database(self) -> Path:
        """MLflow's runs."""
        return self.root / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """MLflow's artifacts."""
        return self.root / "artifacts"

    @property
    def reports(self) -> Path:
        """Reports."""
        return self.root / "reports"

    @property
    def machine_facts(self) -> Path:
        """What was measured of this machine."""
        return self.root / "machine.json"

    def lock(self, name: str) -> Path:
        """A lock file."""
        return self.root / "locks" / f"{name}.lock"
