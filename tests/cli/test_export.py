"""`ser model export` says in which arithmetic the file computes where the model's own is another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ser.inference.model import load_model
from studies.cli.model import export as export_command
from studies.cli.model.commands import ExportOptions
from tests.support.toy_models import write_model


@pytest.mark.parametrize(("precision", "said"), [("fp32", False), ("tf32", False), ("bf16", True)])
def test_only_arithmetic_that_the_file_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], precision: str, said: bool
) -> None:
    def compare(model: Any, path: Path, progress: Callable[..., None]) -> tuple[str, float]:
        return "samples", 1e-7

    write_model(tmp_path / "model", settings={"precision": precision})
    monkeypatch.setattr(export_command, "open_model", lambda *_: load_model(tmp_path / "model"))
    monkeypatch.setattr(export_command, "export_onnx", compare)
    export_command.export(ExportOptions(home=tmp_path / "home", onnx=tmp_path / "model.onnx"))
    output = capsys.readouterr().out
    assert "input: samples; its probabilities differ from the model's by 1.0e-07 at most, on ten lengths" in output
    assert f"model: {tmp_path / 'model.onnx'}" in output
    assert ("the model itself computes in bf16" in output) is said
    assert ("computed in fp32" in output) is said
