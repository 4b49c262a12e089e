"""Pretrained encoders: the states of `transformers` itself, and refusals of all that is no speech encoder."""

import json
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ser.corpora.audio import read_audio
from ser.corpora.corpus import Utterance
from ser.errors import ConfigurationError, FeatureStoreError
from ser.feature_settings import PretrainedSettings
from ser.features import builder
from ser.features.builder import build_stores
from ser.features.frontends.choices import parse_front_ends
from ser.features.frontends.pretrained import front_end as front_end_module
from ser.features.frontends.pretrained.checkpoint import read_checkpoint
from ser.features.frontends.pretrained.encoders import RecordingEncoder, make_encoder
from ser.features.frontends.pretrained.front_end import PretrainedFrontEnd, pretrained_settings
from ser.features.store import FeatureStore
from tests.support.tiny_encoders import FAMILIES, HIDDEN, LAYERS, reference_states, write_encoder
from tests.support.toy_corpus import write_corpus

pytest.importorskip("transformers")

UTTERANCE = Utterance("a", Path("a.wav"), "s", "joy")
REAL = os.environ.get("SER_WHISPER_ROOT")


def noise(samples: int, seed: int = 0) -> Any:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("encoders")

    def encoder(family: str) -> Path:
        return folder / family if (folder / family).exists() else write_encoder(folder / family, family)

    return encoder


def compute(folder: Path, layers: list[int], samples: Any, padding: str | None = None) -> list[Any]:
    settings = pretrained_settings(str(folder), layers, padding, download=False)
    front_end = PretrainedFrontEnd.open(settings, str(folder))
    front_end.load()
    frames = front_end.compute(UTTERANCE, samples)
    assert {len(states) for states in frames} == {front_end.frame_count(len(samples))}
    assert {states.shape[1] for states in frames} == {settings[0].width}
    return list(frames)


@pytest.mark.parametrize("samples", [16_000, 16_333, 5_201])
@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_those_of_transformers(encoders: Callable[[str], Path], family: str, samples: int) -> None:
    folder, sound = encoders(family), noise(samples)
    layers = [0, 2, LAYERS]
    frames = compute(folder, layers, sound, "30s" if family == "whisper" else None)
    expected = reference_states(folder, sound)
    for layer, states in zip(layers, frames, strict=True):
        np.testing.assert_allclose(states, expected[layer][: len(states)].numpy(), atol=1e-4)


def whisper_without_padding(folder: Path, samples: Any) -> list[torch.Tensor]:
    """All hidden states by transformers' own forward pass, of a model that hears no more than the utterance."""
    import transformers

    extractor = transformers.WhisperFeatureExtractor.from_pretrained(folder)
    model: Any = transformers.WhisperModel.from_pretrained(folder, dtype=torch.float32).eval()
    features = extractor(samples, sampling_rate=16_000, padding="longest", pad_to_multiple_of=320, return_tensors="pt")
    frames = features["input_features"].shape[2] // 2
    model.encoder.config.max_source_positions = frames
    positions = torch.nn.Embedding.from_pretrained(model.encoder.embed_positions.weight[:frames])
    model.encoder.embed_positions = positions
    with torch.no_grad():
        states = model.encoder(features["input_features"], output_hidden_states=True).hidden_states
    return [state[0] for state in states]


@pytest.mark.parametrize("samples", [16_000, 5_201])
def test_whisper_hears_an_utterance_alone_by_default(encoders: Callable[[str], Path], samples: int) -> None:
    folder, sound = encoders("whisper"), noise(samples)
    layers = list(range(LAYERS + 1))
    for states, expected in zip(compute(folder, layers, sound), whisper_without_padding(folder, sound), strict=True):
        np.testing.assert_allclose(states, expected.numpy(), atol=1e-4)


def test_whisper_hears_long_utterances_by_windows(encoders: Callable[[str], Path]) -> None:
    sound = noise(31 * 16_000)
    (whole,) = compute(encoders("whisper"), [1], sound)
    (first,) = compute(encoders("whisper"), [1], sound[: 30 * 16_000])
    (second,) = compute(encoders("whisper"), [1], sound[30 * 16_000 :])
    np.testing.assert_array_equal(whole, np.concatenate([first, second]))


@pytest.mark.parametrize("family", ["wav2vec2-stable", "wavlm-stable", "wav2vec2-bert"])
def test_padding_in_a_batch_of_transformers_moves_no_state(encoders: Callable[[str], Path], family: str) -> None:
    # Families whose convolutions are not normalised over time, padding included.
    import transformers

    folder, sounds = encoders(family), [noise(9_600), noise(16_000, seed=1)]
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model: Any = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = extractor(sounds, sampling_rate=16_000, padding=True, return_attention_mask=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**inputs, output_hidden_states=True).hidden_states[2]
    for row, sound in zip(states, sounds, strict=True):
        (alone,) = compute(folder, [2], sound)
        np.testing.assert_allclose(alone, row[: len(alone)].numpy(), atol=1e-3)


def test_long_utterances_are_encoded_one_at_a_time(
    encoders: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front_end_module, "_LONG_SAMPLES", 1_000)
    settings = pretrained_settings(str(encoders("wavlm")), [1], None, download=False)
    front_end = PretrainedFrontEnd.open(settings, str(encoders("wavlm")))
    running, most, together = Counter[bool](), Counter[bool](), threading.Barrier(2)

    class Slow:
        def encode(self, samples: Any) -> dict[int, torch.Tensor]:
            is_long = len(samples) > 1_000
            running[is_long] += 1
            most[is_long] = max(most[is_long], running[is_long])
            if is_long:
                time.sleep(0.02)
            else:
                together.wait(10)
            running[is_long] -= 1
            return {1: torch.zeros(1, HIDDEN)}

    front_end._encoder = Slow()  # type: ignore[assignment]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda samples: front_end.compute(UTTERANCE, noise(samples)), [2_000, 2_000, 900, 900, 2_000]))
    assert most == {True: 1, False: 2}


def test_only_the_layers_that_are_asked_for_are_loaded(encoders: Callable[[str], Path]) -> None:
    settings = pretrained_settings(str(encoders("wavlm")), [1], None, download=False)
    front_end = PretrainedFrontEnd.open(settings, str(encoders("wavlm")))
    front_end.load()
    assert front_end._encoder is not None
    assert len(front_end._encoder.model.encoder.layers) == 1  # type: ignore[union-attr, arg-type]


def test_layers_are_stored_in_one_pass(
    encoders: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audio").mkdir()
    corpus = write_corpus(tmp_path / "audio")
    heard: list[int] = []
    encode = RecordingEncoder.encode
    monkeypatch.setattr(RecordingEncoder, "encode", lambda self, samples: (heard.append(1), encode(self, samples))[1])
    choices = parse_front_ends([f"pretrained:{encoders('hubert')}@0..{LAYERS}"])
    paths = build_stores(corpus, choices, tmp_path / "stores")
    assert len(heard) == len(corpus.utterances)
    for layer, path in enumerate(paths):
        store = FeatureStore.open(path)
        assert store.settings == choices[layer].settings
        assert (store.frames(0).dtype, store.width) == ("float16", HIDDEN)
        (expected,) = compute(encoders("hubert"), [layer], read_audio(corpus.utterances[3].path))
        np.testing.assert_array_equal(store.frames(3), expected.astype("float16"))
    # A layer that comes later is computed alone.
    shutil.rmtree(paths[1])
    heard.clear()
    assert build_stores(corpus, choices, tmp_path / "stores") == paths
    assert len(heard) == len(corpus.utterances)


def interrupt_after(utterances: int) -> Callable[[int, int], None]:
    def stop(done: int, _: int) -> None:
        if done == utterances:
            raise KeyboardInterrupt

    return stop


def test_a_layer_that_is_ahead_of_the_others_stays(
    encoders: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audio").mkdir()
    corpus, stores = write_corpus(tmp_path / "audio"), tmp_path / "stores"
    monkeypatch.setattr(builder, "_AT_ONCE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    one, two = (parse_front_ends([f"pretrained:{encoders('hubert')}@{layers}"]) for layers in ("1", "0..1"))
    for choices, utterances in ((one, 7), (two, 3)):
        with pytest.raises(KeyboardInterrupt):
            build_stores(corpus, choices, stores, interrupt_after(utterances))
    journals = [path.stat().st_size // 8 for path in stores.glob(".*.partial/lengths.journal")]
    assert sorted(journals) == [2, 6]
    paths, expected = (build_stores(corpus, two, folder) for folder in (stores, tmp_path / "whole"))
    assert [path.name for path in paths] == [path.name for path in expected]
    for path, whole in zip(paths, expected, strict=True):
        assert (path / "frames.f16").read_bytes() == (whole / "frames.f16").read_bytes()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_an_encoder_that_changes_while_it_computes_is_named(
    encoders: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "audio").mkdir()
    corpus, stores = write_corpus(tmp_path / "audio"), tmp_path / "stores"
    folder = Path(shutil.copytree(encoders("hubert"), tmp_path / "hubert"))
    monkeypatch.setattr(builder, "_AT_ONCE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    def change(done: int, _: int) -> None:
        if done == 3:
            (folder / name).write_bytes((folder / name).read_bytes())

    choices = parse_front_ends([f"pretrained:{folder}@1"])
    with pytest.raises(ConfigurationError, match=f"{folder / name}: changed while frames of hubert were computed; run"):
        build_stores(corpus, choices, stores, change)
    (journal,) = stores.glob(".*.partial/lengths.journal")
    assert journal.stat().st_size // 8 == 2


def test_equal_checkpoints_in_two_folders_are_one(encoders: Callable[[str], Path], tmp_path: Path) -> None:
    folder = encoders("hubert")
    shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "copy" / "config.json").write_text(json.dumps(config | {"transformers_version": "4.0"}))
    (here,) = pretrained_settings(str(folder), [1], None, download=False)
    (there,) = pretrained_settings(str(tmp_path / "copy"), [1], None, download=False)
    assert (here.label, there.label) == ("hubert@1", "copy@1")
    assert here == there
    assert hash(here) == hash(there)
    (other,) = pretrained_settings(str(write_encoder(tmp_path / "other", "hubert", seed=2)), [1], None, download=False)
    assert other != here


def test_layers_are_parsed_as_a_range(encoders: Callable[[str], Path]) -> None:
    folder = encoders("whisper")
    choices = parse_front_ends([f"pretrained:{folder}@0..2", f"pretrained:{folder}@2,whisper_padding=30s"])
    assert [choice.settings.label for choice in choices] == ["whisper@0", "whisper@1", "whisper@2", "whisper@2 30s"]
    assert all(choice.location == str(folder) for choice in choices)


def edited(folder: Path, copy: Path, file: str, **changes: Any) -> Path:
    shutil.copytree(folder, copy)
    content = json.loads((folder / file).read_text())
    (copy / file).write_text(json.dumps(content | changes))
    return copy


def refusal(location: object, layer: int = 1) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_front_ends([f"pretrained:{location}@{layer}"])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_checkpoint_is_refused(encoders: Callable[[str], Path], tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "config.json: no such file; expected a checkpoint of a speech encoder" in refusal(tmp_path / "empty")
    folder = encoders("wav2vec2")
    for model_type in ("bert", "vit"):
        text = refusal(edited(folder, tmp_path / model_type, "config.json", model_type=model_type))
        assert f"expected a speech encoder, not a model of another kind: unknown model_type '{model_type}'" in text
    assert "wav2vec2 has layers 0 to 3" in refusal(folder, layer=4)
    rate = edited(folder, tmp_path / "rate", "preprocessor_config.json", sampling_rate=8000)
    assert "expected sampling_rate 16000, found 8000" in refusal(rate)
    assert "expected pretrained:FOLDER@LAYER" in refusal(folder, layer=-1)
    for number, kernels in enumerate((None, [10, 8], ["a", 8, 4])):
        convolutions = edited(folder, tmp_path / f"convolutions{number}", "config.json", conv_kernel=kernels)
        assert "config.json: no valid configuration of a wav2vec2: " in refusal(convolutions)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_code_of_a_checkpoint_is_refused(encoders: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    code = edited(encoders("wav2vec2"), tmp_path / "code", name, auto_map={"AutoFeatureExtractor": "code.Extractor"})
    assert refusal(code) == f"{code / name}: brings code of its own (auto_map), which is never executed"


def test_nothing_that_transformers_loads_may_run_code(
    encoders: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers

    trusts: list[Any] = []
    for loader in (transformers.AutoConfig, transformers.AutoFeatureExtractor, transformers.AutoModel):
        load = loader.from_pretrained

        def watched(*arguments: Any, load: Any = load, **options: Any) -> Any:
            trusts.append(options.get("trust_remote_code"))
            return load(*arguments, **options)

        monkeypatch.setattr(loader, "from_pretrained", watched)
    make_encoder(read_checkpoint(str(encoders("wav2vec2"))), [1], None)
    assert trusts
    assert set(trusts) == {False}


def test_preprocessing_that_the_digest_does_not_cover_has_no_effect(
    encoders: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = encoders("wav2vec2")
    preprocessor = json.loads((folder / "preprocessor_config.json").read_text())
    other = edited(folder, tmp_path / "other", "preprocessor_config.json")
    nested = {"feature_extractor": preprocessor | {"do_normalize": not preprocessor["do_normalize"]}}
    (other / "processor_config.json").write_text(json.dumps(nested))
    np.testing.assert_array_equal(compute(other, [1], noise(8_000)), compute(folder, [1], noise(8_000)))


def test_a_pickle_is_refused_with_the_way_to_convert_it(encoders: Callable[[str], Path], tmp_path: Path) -> None:
    folder = edited(encoders("wav2vec2"), tmp_path / "pickled", "config.json")
    (folder / "model.safetensors").unlink()
    assert "expected model.safetensors, found no weights" in refusal(folder)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
    text = refusal(folder)
    assert text.startswith(f"{folder / 'pytorch_model.bin'}: a pickle can run any code and is not read; convert")
    assert "save_pretrained" in text


@pytest.mark.parametrize("cut", [4, 1000])
def test_damaged_safetensors_are_refused(encoders: Callable[[str], Path], tmp_path: Path, cut: int) -> None:
    folder = edited(encoders("wav2vec2"), tmp_path / "cut", "config.json")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-cut] if cut == 4 else b"x" * cut)
    assert f"{weights}: damaged or cut short" in refusal(folder)


def test_a_checkpoint_that_lacks_weights_is_refused(encoders: Callable[[str], Path], tmp_path: Path) -> None:
    folder = edited(encoders("wav2vec2"), tmp_path / "more", "config.json", num_hidden_layers=LAYERS + 1)
    settings = pretrained_settings(str(folder), [1], None, download=False)
    with pytest.raises(ConfigurationError, match=r"weights are missing, such as encoder\.layers\.3"):
        PretrainedFrontEnd.open(settings, str(folder)).load()


def test_weights_of_another_shape_are_named(encoders: Callable[[str], Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoders("wav2vec2"), tmp_path / "other"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 40}))
    settings = pretrained_settings(str(folder), [1], None, download=False)
    message = r"other: 9 weights have another shape than config\.json says, such as encoder\.layers\.0\.feed_forward"
    with pytest.raises(ConfigurationError, match=message):
        PretrainedFrontEnd.open(settings, str(folder)).load()


def test_a_checkpoint_that_changed_is_refused(encoders: Callable[[str], Path], tmp_path: Path) -> None:
    settings = pretrained_settings(str(encoders("wav2vec2")), [1], None, download=False)
    other = write_encoder(tmp_path / "wav2vec2", "wav2vec2", seed=2)
    with pytest.raises(ConfigurationError, match="expected the checkpoint with digest"):
        PretrainedFrontEnd.open(settings, str(other))


def test_an_utterance_too_short_for_a_frame_is_named(encoders: Callable[[str], Path]) -> None:
    settings = pretrained_settings(str(encoders("wav2vec2")), [1], None, download=False)
    front_end = PretrainedFrontEnd.open(settings, str(encoders("wav2vec2")))
    with pytest.raises(FeatureStoreError, match=r"utterance a lasts 6 ms, too short for a frame of wav2vec2"):
        front_end.compute(UTTERANCE, noise(100))


def test_an_utterance_too_long_for_the_memory_is_named(encoders: Callable[[str], Path]) -> None:
    settings = pretrained_settings(str(encoders("wavlm")), [1], None, download=False)
    front_end = PretrainedFrontEnd.open(settings, str(encoders("wavlm")))

    class TooLarge:
        def encode(self, _: Any) -> dict[int, torch.Tensor]:
            return {1: torch.empty(2**60)}

    front_end._encoder = TooLarge()  # type: ignore[assignment]
    with pytest.raises(
        FeatureStoreError, match=r"utterance a lasts 2 s, too long for wavlm in the memory of this mach"
    ):
        front_end.compute_within_memory(UTTERANCE, noise(32_000))


def test_a_repository_is_looked_for_in_the_cache_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("asked the network"))
    assert "neither a folder nor a repository in the cache" in refusal("some-lab/some-encoder")


@pytest.mark.skipif(REAL is None, reason="needs a real Whisper: set SER_WHISPER_ROOT to its folder")
def test_states_of_a_real_whisper_are_those_of_transformers() -> None:
    folder, sound = Path(str(REAL)), noise(20_000)
    layers = list(range(read_checkpoint(str(folder)).layers + 1))
    padded, alone = compute(folder, layers, sound, "30s"), compute(folder, layers, sound)
    for states, expected in zip(padded, reference_states(folder, sound), strict=True):
        np.testing.assert_allclose(states, expected[: len(states)].numpy(), atol=1e-4)
    for states, expected in zip(alone, whisper_without_padding(folder, sound), strict=True):
        np.testing.assert_allclose(states, expected.numpy(), atol=1e-4)


def test_settings_of_a_layer_survive_json(encoders: Callable[[str], Path]) -> None:
    (settings,) = pretrained_settings(str(encoders("whisper")), [2], None, download=False)
    assert PretrainedSettings.model_validate_json(settings.model_dump_json()) == settings
    assert "name" not in settings.digest_content()
