"""Preparation and comparison of a node before its first fold, without a cluster."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ser.corpora.loading import load_corpus
from ser.devices import cpu_name
from ser.errors import FeatureStoreError, StudyError
from ser.feature_settings import LogMelSettings
from ser.features.builder import build_store_if_missing, store_key
from ser.features.frontends.base import FrontEndChoice
from ser.features.store import FeatureStore
from studies.execution.base import StudyRequirements
from studies.execution.ray_backend import node_setup
from studies.execution.ray_backend.cluster import FoldRequest, Node
from studies.execution.ray_backend.environment_check import (
    call_if_same_environment,
    diff_environments,
    environment_fingerprint,
)
from studies.execution.ray_backend.gpu_shares import GpuShares
from studies.execution.ray_backend.node_setup import prepare_node
from tests.support.corpora import write_emodb, write_manifest, write_wav

LOG_MELS = FrontEndChoice(settings=LogMelSettings())


def store_of(requirements: StudyRequirements) -> Path:
    (store,) = requirements.stores
    return store


@pytest.fixture
def requirements(tmp_path: Path) -> StudyRequirements:
    """Requirements of a study whose store is missing."""
    root = write_emodb(tmp_path / "emodb", [f"{speaker}a01{letter}a" for speaker in ("03", "08") for letter in "WL"])
    corpus = load_corpus("emodb", root)
    store = tmp_path / "features" / store_key(corpus.digest, LogMelSettings())
    return StudyRequirements(corpus, "emodb", {}, {store: LOG_MELS}, "fp32", "cpu")


def test_a_store_that_is_there_is_enough(requirements: StudyRequirements) -> None:
    build_store_if_missing(requirements.corpus, LogMelSettings(), store_of(requirements).parent)
    shutil.rmtree(requirements.corpus.root)
    assert prepare_node(requirements) == cpu_name()


def test_a_missing_store_is_built_from_the_nodes_corpus(requirements: StudyRequirements) -> None:
    prepare_node(requirements)
    assert FeatureStore.open(store_of(requirements)).corpus_digest == requirements.corpus.digest


def test_a_corpus_that_the_user_named_is_read_by_its_loader(requirements: StudyRequirements, tmp_path: Path) -> None:
    rows = [{"path": f"{speaker}.wav", "speaker": speaker, "emotion": "joy"} for speaker in ("s1", "s2")]
    options = {"name": "interviews"}
    corpus = load_corpus("manifest", write_manifest(tmp_path / "interviews", rows), options=options)
    assert corpus.name == "interviews"
    store = tmp_path / "features" / store_key(corpus.digest, LogMelSettings())
    prepare_node(replace(requirements, corpus=corpus, loader="manifest", options=options, stores={store: LOG_MELS}))
    assert FeatureStore.open(store).corpus_digest == corpus.digest


def test_another_corpus_at_the_same_path_is_refused(requirements: StudyRequirements) -> None:
    write_wav(requirements.corpus.utterances[0].path, seed=99)
    with pytest.raises(StudyError, match=rf"has digest \w{{32}} there, expected {requirements.corpus.digest}"):
        prepare_node(requirements)
    assert not store_of(requirements).exists()


def test_a_node_without_store_and_corpus_is_refused(requirements: StudyRequirements) -> None:
    shutil.rmtree(requirements.corpus.root)
    with pytest.raises(StudyError, match=r"neither the feature store .* nor the corpus to build it: "):
        prepare_node(requirements)


def test_a_store_of_another_corpus_or_damaged_is_refused(requirements: StudyRequirements) -> None:
    build_store_if_missing(requirements.corpus, LogMelSettings(), store_of(requirements).parent)
    with pytest.raises(
        StudyError, match=f"holds a corpus with digest {requirements.corpus.digest}, expected {'0' * 32}"
    ):
        prepare_node(replace(requirements, corpus=replace(requirements.corpus, digest="0" * 32)))
    (store_of(requirements) / "frames.f32").write_bytes(b"")
    with pytest.raises(FeatureStoreError, match=r"expected .* bytes, found 0 bytes"):
        prepare_node(requirements)


def test_a_bf16_study_refuses_a_processor_without_bf16(
    requirements: StudyRequirements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_setup, "runs_bf16", lambda device: False)
    prepare_node(requirements)
    with pytest.raises(StudyError, match="cannot train in bf16, the precision of this study"):
        prepare_node(replace(requirements, precision="bf16"))


def test_equal_machines_do_not_differ() -> None:
    fingerprint = environment_fingerprint()
    assert fingerprint["torch"].startswith("2.")
    assert len([name for name in fingerprint if name.startswith("ser/")]) > 20
    assert "studies/execution/worker.py" in fingerprint
    assert diff_environments(fingerprint, environment_fingerprint()) == []


def test_differences_are_named() -> None:
    expected = {"python": "3.11", "torch": "2.13.0", **{f"ser/{name}.py": "1" for name in "abcdefg"}}
    assert diff_environments(expected, expected | {"torch": "2.12.1"}) == ["torch is 2.12.1, expected 2.13.0"]
    assert diff_environments(expected, expected | {"ser/a.py": "2"}) == ["its code is another version, in ser/a.py"]
    missing = {name: value for name, value in expected.items() if name != "ser/b.py"}
    assert diff_environments(expected, missing | {"ser/z.py": "1"}) == [
        "its code is another version, in ser/b.py, ser/z.py"
    ]
    others = {name: "2" for name in expected if name.startswith("ser/")}
    assert diff_environments(expected, expected | others)[0].endswith("ser/e.py and 2 more")
    assert diff_environments(expected, {"python": "3.12", "torch": "2.13.0", "ser": "not installed"}) == [
        "package ser of this project is not installed",
        "python is 3.12, expected 3.11",
    ]


def test_a_call_is_made_only_where_nothing_differs() -> None:
    import pickle

    call = ("ser.devices", "name_of_device", pickle.dumps("cpu"))
    fingerprint = environment_fingerprint()
    problems, value = call_if_same_environment(fingerprint, *call)
    assert (problems, value) == ([], cpu_name())
    problems, value = call_if_same_environment(fingerprint | {"torch": "1.0"}, "no.such.module", "f", b"")
    assert (problems, value) == ([f"torch is {fingerprint['torch']}, expected 1.0"], None)


def test_folds_that_run_out_of_memory_at_once_enlarge_the_share_once() -> None:
    shares, node, other = GpuShares(FoldRequest(0.25)), Node("0", "a node", 9, 2), Node("1", "another", 9, 2)
    asked = shares.request_of(node)
    assert [shares.enlarge(node, asked) for _ in range(2)] == [3, 3]
    assert (shares.slots_of(node), shares.slots_of(other)) == (6, 8)
    for remaining in (2, 1, 0, 0):
        assert shares.enlarge(node, shares.request_of(node)) == remaining
    assert shares.slots_of(node) == 2
    assert GpuShares(FoldRequest(0)).enlarge(node, FoldRequest(0)) == 0


@pytest.mark.parametrize(
    ("cpus", "gpus", "share", "slots"),
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
def test_slots_of_a_node(cpus: float, gpus: float, share: float, slots: int) -> None:
    assert FoldRequest(share).slots_of(Node("0", "a node", cpus, gpus)) == slots
