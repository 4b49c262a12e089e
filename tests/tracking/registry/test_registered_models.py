"""A model is registered once, with all that MLflow serves it by, and is read again without running its code."""

import base64
import re
from pathlib import Path
from shutil import rmtree
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import load_model as load_pyfunc

from ser.errors import ModelError
from ser.inference import load_model
from ser.inference.description import ModelDescription
from ser.inference.frames import Recording
from ser.inference.model_folder import CARD
from ser.results import CorpusIdentity
from tests.support.toy_corpus import write_corpus
from tests.support.toy_models import write_model
from tests.support.toy_studies import MlflowFixture
from tracking import schema
from tracking.backend.artifacts import local_path
from tracking.registry import registered_models
from tracking.registry.registered_models import register_model, registered_folder, registered_name

URI = "models:/made-up-none-utterance@champion"


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, ModelDescription]:
    return tmp_path / "model", write_model(tmp_path / "model")


@pytest.fixture
def registered(
    store: MlflowFixture, model: tuple[Path, ModelDescription], monkeypatch: pytest.MonkeyPatch
) -> MlflowFixture:
    # MLflow's own loader asks the store of the environment, and would create one in the working directory.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.client.tracking_uri)
    recorder = store.recorder("first")
    recorder.ensure_study_run()
    register_model(store.client, store.experiment, *model)
    return store


def versions(store: MlflowFixture) -> list[Any]:
    return list(store.client.search_model_versions("name='made-up-none-utterance'"))


def stored_files(store: MlflowFixture) -> Path:
    (logged,) = store.client.search_logged_models([store.experiment])
    folder = local_path(logged.artifact_location)
    assert folder is not None
    return folder


def test_version_has_alias_tags_card_run_and_signature(registered: MlflowFixture) -> None:
    version = registered.client.get_model_version_by_alias("made-up-none-utterance", "champion")
    assert version.tags[schema.STUDY] == "first"
    assert version.tags[schema.VARIANT] == "none · utterance"
    assert "## What to expect" in version.description
    (run,) = registered.runs(ser__kind="study")
    assert version.run_id == run.info.run_id
    folder = stored_files(registered)
    signature = mlflow.models.Model.load(folder).signature
    assert signature.inputs.input_names() == ["audio", "speaker"]
    assert (folder / "serving_input_example.json").is_file()
    assert "ser-studies==" in (folder / "requirements.txt").read_text(encoding="utf-8")
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt", ".bin")]


def test_same_model_is_registered_once(registered: MlflowFixture, tmp_path: Path) -> None:
    again = write_model(tmp_path / "again")
    register_model(registered.client, registered.experiment, tmp_path / "again", again)
    assert len(versions(registered)) == 1
    other = write_model(tmp_path / "other", settings={"cells": 5})
    register_model(registered.client, registered.experiment, tmp_path / "other", other)
    champion = registered.client.get_model_version_by_alias("made-up-none-utterance", "champion")
    assert int(champion.version) == 2
    register_model(registered.client, registered.experiment, tmp_path / "again", again)
    champion = registered.client.get_model_version_by_alias("made-up-none-utterance", "champion")
    assert int(champion.version) == 2, "an older model took the alias back"


def test_model_made_anew_in_a_later_format_is_a_version(store: MlflowFixture, tmp_path: Path) -> None:
    numbers = []
    for number, model_format in enumerate((2, 3, 2, 3)):
        description = write_model(tmp_path / str(number), format=model_format)
        register_model(store.client, store.experiment, tmp_path / str(number), description)
        numbers.append(len(versions(store)))
    assert numbers == [1, 2, 2, 2]
    champion = store.client.get_model_version_by_alias("made-up-none-utterance", "champion")
    assert champion.tags[schema.MODEL_FORMAT] == "3"


def test_front_ends_are_shown_as_they_are_named(store: MlflowFixture, tmp_path: Path) -> None:
    description = write_model(tmp_path / "model", variant="none · words · whisper-tiny.en@2")
    version = register_model(store.client, store.experiment, tmp_path / "model", description)
    assert "variant none · words · whisper-tiny.en@2 vote" in version.description


@pytest.mark.parametrize("card", [None, "a card of my own\n"])
def test_model_without_its_card_is_registered(registered: MlflowFixture, tmp_path: Path, card: str | None) -> None:
    other = write_model(tmp_path / "other", settings={"cells": 5})
    (tmp_path / "other" / CARD).unlink()
    if card is not None:
        (tmp_path / "other" / CARD).write_text(card)
    version = register_model(registered.client, registered.experiment, tmp_path / "other", other)
    assert (version.description or "") == (card or "").strip()


def test_interrupted_registration_is_continued(
    store: MlflowFixture, model: tuple[Path, ModelDescription], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise MlflowException("no answer")

    store.recorder("first").ensure_study_run()
    with monkeypatch.context() as patch:
        patch.setattr(type(store.client), "create_model_version", fail)
        with pytest.raises(MlflowException, match="no answer"):
            register_model(store.client, store.experiment, *model)
    register_model(store.client, store.experiment, *model)
    assert len(store.client.search_logged_models([store.experiment])) == 1
    assert len(versions(store)) == 1


def test_model_is_registered_where_its_study_has_no_run(
    store: MlflowFixture, model: tuple[Path, ModelDescription]
) -> None:
    register_model(store.client, store.experiment, *model)
    with registered_folder(store.client, URI) as folder:
        assert load_model(folder).description == model[1]


def test_answer_to_a_request_is_that_of_the_model(
    store: MlflowFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.client.tracking_uri)
    description = write_model(tmp_path / "model", settings={"normalisation": "zscore_speaker"})
    register_model(store.client, store.experiment, tmp_path / "model", description)
    (tmp_path / "corpus").mkdir()
    paths = [utterance.path for utterance in write_corpus(tmp_path / "corpus").utterances[1:5]]
    audio = [path.read_bytes() for path in paths]
    # Those of a speaker do not stand together in the request.
    rows = pd.DataFrame(
        {"audio": [audio[2], audio[0], b"no sound", *audio[1:4:2]], "speaker": ["b", "a", None, "a", "b"]}
    )
    answers = load_pyfunc(str(stored_files(store))).predict(rows)
    bad = answers.pop(2)
    speakers = [Recording(path.name, path, speaker) for path, speaker in zip(paths, "aabb", strict=True)]
    model = load_model(tmp_path / "model")
    expected = dict(zip(range(4), model.predict(speakers), strict=True))
    for answer, number in zip(answers, (2, 0, 1, 3), strict=True):
        assert answer["emotion"] == expected[number].emotion
        scores = {score["label"]: score["score"] for score in answer["scores"]}
        assert scores == expected[number].probabilities
        assert answer["error"] is None
        (alone,) = model.predict([paths[number]])
        assert scores != alone.probabilities, "the speaker has no effect"
    assert bad["emotion"] is None
    assert bad["error"].startswith("recording 3: cannot be decoded")


def test_base64_text_is_accepted_as_in_a_request(registered: MlflowFixture, tmp_path: Path) -> None:
    from mlflow.pyfunc.scoring_server import infer_and_parse_data

    (tmp_path / "corpus").mkdir()
    path = write_corpus(tmp_path / "corpus").utterances[0].path
    loaded = load_pyfunc(str(stored_files(registered)))
    request = {"dataframe_records": [{"audio": base64.b64encode(path.read_bytes()).decode()}]}
    (answer,) = loaded.predict(infer_and_parse_data(request, loaded.metadata.get_input_schema()))
    (expected,) = load_model(tmp_path / "model").predict([path])
    assert answer["emotion"] == expected.emotion


def test_code_beside_a_registered_model_is_not_run(registered: MlflowFixture, tmp_path: Path) -> None:
    (stored_files(registered) / "served_model.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with registered_folder(registered.client, URI) as folder:
        load_model(folder)
    assert not (tmp_path / "ran").exists()


def test_names_that_differ_in_letters_beyond_ascii_are_apart(tmp_path: Path) -> None:
    description = write_model(tmp_path / "model")
    names = {
        name: registered_name(description.model_copy(update={"name": f"{name}-none"}))
        for name in ("größe", "grüße", "gr-e", "日本", "日本語", "my corpus")
    }
    assert len(set(names.values())) == len(names)
    assert all(re.fullmatch(r"[\w-]+", name, re.ASCII) for name in names.values())
    assert re.fullmatch(r"gr-e-none-[0-9a-f]{8}", names["größe"])
    assert (names["gr-e"], names["my corpus"]) == ("gr-e-none", "my-corpus-none")
    assert registered_name(description) == "made-up-none-utterance"


def test_a_model_keeps_the_name_of_its_earlier_versions(
    store: MlflowFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(corpus: str, cells: int) -> str:
        folder = tmp_path / f"{corpus}{cells}"
        identity = CorpusIdentity(name=corpus, digest="0", emotions=("anger", "sadness"))
        description = write_model(folder, settings={"cells": cells}, name=f"{corpus}-none", corpus=identity)
        return str(register_model(store.client, store.experiment, folder, description).name)

    with monkeypatch.context() as patch:
        patch.setattr(registered_models, "registered_name", registered_models._former_name)
        assert register("größe", 4) == "gr-e-none"
    assert register("größe", 5) == "gr-e-none"
    champion = store.client.get_model_version_by_alias("gr-e-none", "champion")
    assert int(champion.version) == 2
    assert re.fullmatch("gr-e-none-[0-9a-f]{8}", register("grüße", 4))


def test_damaged_or_foreign_registered_model_is_named(registered: MlflowFixture) -> None:
    (weights,) = stored_files(registered).rglob("model.safetensors")
    weights.write_bytes(weights.read_bytes() + b"\0")
    with (
        registered_folder(registered.client, URI) as folder,
        pytest.raises(ModelError, match=r"model\.safetensors: its digest is"),
    ):
        load_model(folder)
    rmtree(stored_files(registered) / "artifacts")
    with (
        pytest.raises(ModelError, match=r"models:/made-up-none-utterance@champion: not a model that .* has made"),
        registered_folder(registered.client, URI),
    ):
        pass


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("models:/made-up-none-utterance", "expected models:/NAME@ALIAS or models:/NAME/VERSION"),
        ("models:/other@champion", "name=other not found"),
        ("models:/made-up-none-utterance@first", "alias first not found"),
        ("models:/made-up-none-utterance/9", "version=9\\) not found"),
    ],
)
def test_unknown_version_is_named_in_one_line(registered: MlflowFixture, uri: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason) as caught, registered_folder(registered.client, uri):
        pass
    assert "\n" not in str(caught.value)
