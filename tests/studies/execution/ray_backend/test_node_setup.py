"""What a node must have before its first fold, without a cluster."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ser.config import FeatureSettings
from ser.corpora.loading import load_corpus
from ser.devices import cpu_name
from ser.errors import FeatureStoreError, StudyError
from ser.features.builder import build_store_if_missing, store_key
from ser.features.store import FeatureStore
from studies.execution.base import StudyRequirements
from studies.execution.ray_backend import node_setup
from studies.execution.ray_backend.cluster import FoldRequest, Node
from studies.execution.ray_backend.environment_check import (
    call_if_same_environment,
    diff_environments,
    environment_fingerprint,
)
from studies.execution.ray_backend.node_setup import prepare_node
from tests.support.corpora import write_emodb, write_manifest, write_wav


@pytest.fixture
def needs(tmp_path: Path) -> StudyRequirements:
    """The needs of a study whose store is not there yet."""
    root = write_emodb(tmp_path / "emodb", [f"{speaker}a01{letter}a" for speaker in ("03", "08") for letter in "WL"])
    corpus = load_corpus("emodb", root)
    store = tmp_path / "features" / store_key(corpus, FeatureSettings())
    return StudyRequirements(corpus, "emodb", {}, FeatureSettings(), store, "fp32", "cpu")


def test_a_store_that_is_there_is_enough(needs: StudyRequirements) -> None:
    build_store_if_missing(needs.corpus, needs.features, needs.store.parent)
    shutil.rmtree(needs.corpus.root)
    assert prepare_node(needs) == cpu_name()


def test_a_missing_store_is_built_from_the_nodes_own_corpus(needs: StudyRequirements) -> None:
    prepare_node(needs)
    assert FeatureStore.open(needs.store).corpus_digest == needs.corpus.digest


def test_a_corpus_that_the_user_named_is_read_by_its_loader(needs: StudyRequirements, tmp_path: Path) -> None:
    rows = [{"path": f"{speaker}.wav", "speaker": speaker, "emotion": "joy"} for speaker in ("s1", "s2")]
    options = {"name": "interviews"}
    corpus = load_corpus("manifest", write_manifest(tmp_path / "interviews", rows), options=options)
    assert corpus.name == "interviews"
    store = tmp_path / "features" / store_key(corpus, FeatureSettings())
    prepare_node(replace(needs, corpus=corpus, loader="manifest", options=options, store=store))
    assert FeatureStore.open(store).corpus_digest == corpus.digest


def test_another_corpus_at_the_same_path_is_refused(needs: StudyRequirements) -> None:
    write_wav(needs.corpus.utterances[0].path, seed=99)
    with pytest.raises(StudyError, match=rf"has digest \w{{32}} there, expected {needs.corpus.digest}"):
        prepare_node(needs)
    assert not needs.store.exists()


def test_neither_store_nor_corpus(needs: StudyRequirements) -> None:
    shutil.rmtree(needs.corpus.root)
    with pytest.raises(StudyError, match=r"neither the feature store .* nor the corpus to build it: "):
        prepare_node(needs)


def test_a_store_of_another_corpus_and_a_damaged_one_are_refused(needs: StudyRequirements) -> None:
    build_store_if_missing(needs.corpus, needs.features, needs.store.parent)
    with pytest.raises(StudyError, match=f"holds a corpus with digest {needs.corpus.digest}, expected {'0' * 32}"):
        prepare_node(replace(needs, corpus=replace(needs.corpus, digest="0" * 32)))
    (needs.store / "frames.f32").write_bytes(b"")
    with pytest.raises(FeatureStoreError, match=r"expected .* bytes, found 0 bytes"):
        prepare_node(needs)


def test_a_processor_without_bf16_is_refused_where_the_study_is_in_bf16(
    needs: StudyRequirements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_setup, "runs_bf16", lambda device: False)
    prepare_node(needs)
    with pytest.raises(StudyError, match="cannot train in bf16, which this study began with"):
        prepare_node(replace(needs, precision="bf16"))


def test_equal_machines_do_not_differ() -> None:
    facts = environment_fingerprint()
    assert facts["torch"].startswith("2.")
    assert len([name for name in facts if name.startswith("ser/")]) > 20
    assert "studies/execution/worker.py" in facts
    assert diff_environments(facts, environment_fingerprint()) == []


def test_differences_are_told_by_name() -> None:
    wanted = {"python": "3.11", "torch": "2.13.0", **{f"ser/{name}.py": "1" for name in "abcdefg"}}
    assert diff_environments(wanted, wanted | {"torch": "2.12.1"}) == ["torch is 2.12.1, expected 2.13.0"]
    assert diff_environments(wanted, wanted | {"ser/a.py": "2"}) == ["its code is of another version, in ser/a.py"]
    missing = {name: value for name, value in wanted.items() if name != "ser/b.py"}
    assert diff_environments(wanted, missing | {"ser/z.py": "1"}) == [
        "its code is of another version, in ser/b.py, ser/z.py"
    ]
    others = {name: "2" for name in wanted if name.startswith("ser/")}
    assert diff_environments(wanted, wanted | others)[0].endswith("ser/e.py and 2 more")
    assert diff_environments(wanted, {"python": "3.12", "torch": "2.13.0", "ser": "not installed"}) == [
        "package ser of this project is not installed",
        "python is 3.12, expected 3.11",
    ]


def test_a_call_is_made_only_where_nothing_differs() -> None:
    import pickle

    call = ("ser.devices", "name_of_device", pickle.dumps("cpu"))
    facts = environment_fingerprint()
    told, value = call_if_same_environment(facts, *call)
    assert (told, value) == ([], cpu_name())
    told, value = call_if_same_environment(facts | {"torch": "1.0"}, "no.such.module", "f", b"")
    assert (told, value) == ([f"torch is {facts['torch']}, expected 1.0"], None)


@pytest.mark.parametrize(
    ("cpus", "cards", "share", "slots"),
    [
        (4, 0, 0, 4),
        (2.5, 0, 0, 2),
        (4, 0, 0.5, 0),
        (4, 1, 0.5, 2),
        (4, 2, 1, 2),
        (1, 2, 0.5, 1),
        (9, 2, 0.4, 4),
        (20, 1, 0.1, 10),
    ],
)
def test_slots_of_a_node(cpus: float, cards: float, share: float, slots: int) -> None:
    assert FoldRequest(share).slots_of(Node("0", "a node", cpus, cards)) == slots
