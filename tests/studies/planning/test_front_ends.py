"""Front ends as an axis of a study: points, names, parameters, the command, and settings that come with them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ser.errors import ConfigurationError
from studies.cli.arguments import parse_key_values
from studies.planning.command import study_command
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.recipes import RECIPES
from studies.planning.study_name import study_name
from studies.search.points import points_of
from tests.support.tiny_encoders import write_encoder
from tracking.analysis.variants.naming import variant_label
from tracking.writing.payloads import configuration_tags, log_params

DIGEST = "0" * 32


def plan(*features: str, **others: Any) -> StudyPlan:
    values = {"corpus": "emodb", "recipe": "recommended", "attentions": ("none", "component"), "scopes": (9,)}
    return StudyPlan.from_options(StudyOptions(**values | {"labels": ("phonemes",), "features": features} | others))


def name_of(study: StudyPlan) -> str:
    return study_name(study, DIGEST, "cpu")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "lab"
    folder.mkdir()
    np.save(folder / "a.npy", np.ones((3, 200), dtype=np.float32))
    return folder


def test_log_mels_alone_are_the_study_that_names_none() -> None:
    assert plan("log_mel") == plan()
    assert name_of(plan("log_mel")) == name_of(plan())


def test_front_ends_multiply_the_points(frames: Path) -> None:
    points, before = plan("log_mel", "log_mel_prosody", f"files:{frames}@0.02").points("fp32"), plan().points("fp32")
    assert [variant_label(point) for point in points] == [
        "none · phonemes",
        "component · scope 9 · phonemes",
        "none · phonemes · log_mel_prosody",
        "component · scope 9 · phonemes · log_mel_prosody",
        "none · phonemes · lab",
        "component · scope 9 · phonemes · lab",
    ]
    # What was trained on log-mels before is found again.
    assert [point.digest_content() for point in points[:2]] == [point.digest_content() for point in before]


def test_parameters_of_a_point_find_it_again(frames: Path) -> None:
    study = plan("log_mel", f"files:{frames}@0.02")
    for point in study.points("fp32"):
        parameters = study.parameters(point)
        assert parameters["features"] == point.features.label
        assert study.configuration(parameters, "fp32") == point
    with pytest.raises(ConfigurationError, match=r"unknown features 'lob'.*valid: log_mel, lab"):
        study.configuration({"attention": "none", "features": "lob"}, "fp32")
    assert "features" not in plan().parameters(plan().points("fp32")[0])
    generator = points_of(study, "study")
    assert len({generator.key(point) for point in study.points("fp32")}) == 4


def test_the_name_tells_front_ends_and_not_their_folders(frames: Path, tmp_path: Path) -> None:
    study = plan(f"files:{frames}@0.02")
    assert name_of(study).startswith("emodb-recommended-none+component-lab-")
    shutil.copytree(frames, tmp_path / "elsewhere" / "lab")
    assert name_of(plan(f"files:{tmp_path / 'elsewhere' / 'lab'}@0.02")) == name_of(study)
    np.save(frames / "a.npy", np.zeros((3, 200), dtype=np.float32))
    assert name_of(plan(f"files:{frames}@0.02")) != name_of(study)
    many = plan("log_mel", "log_mel_prosody", "opensmile")
    assert name_of(many).startswith("emodb-recommended-none+component-3_front_ends-")


def test_two_front_ends_of_one_name_are_refused(frames: Path, tmp_path: Path) -> None:
    shutil.copytree(frames, tmp_path / "elsewhere" / "lab")
    np.save(tmp_path / "elsewhere" / "lab" / "a.npy", np.zeros((3, 200), dtype=np.float32))
    with pytest.raises(ConfigurationError, match="have the same name, lab; rename one of the folders"):
        plan(f"files:{frames}@0.02", f"files:{tmp_path / 'elsewhere' / 'lab'}@0.02")


@pytest.mark.parametrize("recipe", ["recommended", "extended"])
@pytest.mark.parametrize("overrides", [{}, {"stack": "3"}, {"projection": "32"}])
def test_the_command_is_the_same_study(frames: Path, recipe: str, overrides: dict[str, str]) -> None:
    study = plan("log_mel", f"files:{frames}@0.02", recipe=recipe, overrides=overrides)
    words = iter(study_command(study, "corpora/emodb").split()[3:])
    options = list(zip(words, words, strict=True))
    assert [value for name, value in options if name == "--features"] == ["log_mel", f"files:{frames}@0.02"]
    sets = parse_key_values("--set", [value for name, value in options if name == "--set"])
    assert name_of(plan("log_mel", f"files:{frames}@0.02", recipe=recipe, overrides=sets)) == name_of(study)


def test_a_search_chooses_front_ends_and_projects_wide_frames(frames: Path) -> None:
    wide, narrow = plan(f"files:{frames}@0.02", recipe="extended"), plan("log_mel_prosody", recipe="extended")
    assert wide.space is not None
    assert narrow.space is not None
    assert wide.space.dimensions["features"].values == ("lab",)  # type: ignore[union-attr]
    assert "projection" in wide.space.dimensions
    assert "projection" not in narrow.space.dimensions
    searched = plan(recipe="extended").space
    assert searched is not None
    assert not {"projection", "features"} & searched.dimensions.keys()
    base = wide.base("fp32")
    assert wide.configuration(wide.parameters(base), "fp32") == base


def test_a_search_chooses_layers_and_normalisations_of_an_encoder(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    study = plan(f"pretrained:{write_encoder(tmp_path / 'tiny', 'wavlm')}@0..2", recipe="extended")
    assert study.space is not None
    dimensions = study.space.dimensions
    assert dimensions["features"].values == ("tiny@0", "tiny@1", "tiny@2")  # type: ignore[union-attr]
    assert "projection" not in dimensions, "its frames have 24 numbers"
    base = study.parameters(study.base("fp32"))
    assert base["normalisation"] == "zscore_training"
    for normalisation in ("zscore_speaker", "zscore_training"):
        chosen = study.configuration(base | {"features": "tiny@2", "normalisation": normalisation}, "fp32")
        assert (chosen.features.label, chosen.normalisation) == ("tiny@2", normalisation)


def test_pretrained_frames_come_with_settings_of_the_recipe() -> None:
    heard = {"normalisation": "zscore_training", "stack": 1}
    assert RECIPES["quick"].front_end_settings == RECIPES["extended"].front_end_settings == {"pretrained": heard}
    small = {"cells": 64, "dropout": 0.3, "output_dropout": 0.5, "batch_size": 16, "epochs": 10}
    assert RECIPES["recommended"].front_end_settings == {"pretrained": heard | small}


def test_runs_are_tagged_with_the_front_end(frames: Path) -> None:
    (point, _) = plan(f"files:{frames}@0.02").points("fp32")
    assert configuration_tags(point)["ser.features"] == "lab"
    parameters = log_params(point)
    assert (parameters["features.kind"], parameters["features.name"]) == ("files", "lab")
