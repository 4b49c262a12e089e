from pathlib import Path

import pytest

from tests.tracking.studies_of_toys import Store


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Store:
    return Store(tmp_path, empty_store)
