"""Choice of measurements by `python -m benchmarks --only`."""

from pathlib import Path

import pytest
import typer

from benchmarks.suite import main


def test_a_measurement_of_no_name_replaces_no_results(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text("earlier")
    with pytest.raises(typer.BadParameter, match=r"'start up' is in no name; names: .*memory; starts$"):
        main(emodb=None, only=["memory", "start up"], results=tmp_path)
    assert (tmp_path / "bench.json").read_text() == "earlier"
