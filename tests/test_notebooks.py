"""The notebook of the examples runs from its first cell to its last."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

import studies
import tracking
from studies.search.summaries import list_studies
from studies.storages.home import Home

NOTEBOOK = Path(__file__).parent.parent / "examples" / "emodb.ipynb"
TINY = {"cells": 4, "layers": 1, "epochs": 1, "batch_size": 32, "precision": "fp32"}
STUDY = {"attention": ["quantum"], "labels": "words", "features": "log_mel", "folds": "groups:3", "set": TINY}


@pytest.mark.slow
def test_the_notebook_runs_on_the_demo(demo_root: Path, tmp_path: Path, make_home: Callable[[Path], Path]) -> None:
    home = make_home(tmp_path / "home")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source = f"corpus, root, home = 'demo', {str(demo_root)!r}, {str(home)!r}\nstudy = {STUDY!r}"
    NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(tmp_path)}}).execute()
    errors = [output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    assert errors == []
    (study,) = list_studies(Home(home).storage)
    assert study.trials_complete == 2
    assert study.plan.configuration({"attention": "quantum", "labels": "words", "seed": 1}, "fp32").cells == 4
    frame = studies.results("demo", home=home)
    assert list(frame["variant"].unique()) == ["none · words", "quantum · words"]
    assert frame.groupby(["variant", "seed"])["utterance"].nunique().nunique() == 1
    assert isinstance(frame, pd.DataFrame)
    with_baselines = studies.results("demo", home=home, classical=True)
    assert list(with_baselines["variant"].unique()[:2]) == ["none · words", "quantum · words"]
    against = tracking.compare(with_baselines, "logistic regression").set_index("variant")
    assert {"none · words", "quantum · words"} <= set(against.index)
    page = notebook.cells[-1].outputs[0].text.strip()
    assert Path(page).is_file()
