"""Reference and fast path are the same model: same weights, same losses and gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.cases.training import useful_operations
from benchmarks.reference import ReferenceNetwork, collate, mean_loss
from benchmarks.workloads import Source, configuration_of, examples, iemocap_shape
from ser.model.packing import optimal_segments
from ser.training.batching import CPU_COST, micro_batches
from ser.training.fold_training import FoldTraining

SETTINGS: dict[str, dict[str, str]] = {
    "none": {},
    "local": {},
    "component": {},
    "component-window": {"component_score": "window"},
    "quantum": {},
    "quantum-raw": {"quantum_states": "raw"},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(tmp_path_factory.mktemp("shape"), share=0.02)


def fast_name(name: str, attention: str) -> str:
    """Return the name of a reference's weight in the network."""
    if name.startswith("score."):
        return f"attention.score.{name}" if attention == "component" else f"attention.{name}"
    if not name.startswith("lstm."):
        return name
    kind, _, layer = name.removeprefix("lstm.").rpartition("_l")
    cells = "backward_cells" if layer.endswith("_reverse") else "forward_cells"
    return f"recurrent.layers.{layer.removesuffix('_reverse')}.{cells}.{kind}_l0"


@pytest.mark.parametrize("frame_ms", [10, 30])
@pytest.mark.parametrize("name", SETTINGS)
def test_losses_and_gradients_are_those_of_the_reference(name: str, frame_ms: int, source: Source) -> None:
    attention = name.partition("-")[0]
    configuration = configuration_of(attention, frame_ms, **SETTINGS[name])
    data = source.open().data(configuration)
    # Utterances of up to 4 s: CTC's gradient is a difference of like numbers, and float32 loses more of it the
    # more frames there are, on both sides alike.
    batch = data.training[data.features.lengths[data.training] < 4000 / frame_ms][:8]
    # These are too short to be divided for memory; the bound is lowered instead, as far as a part has still two runs.
    lengths = data.features.lengths[batch]
    cost = replace(CPU_COST, max_frames=int(lengths.max()) * 6)
    data = replace(data, cost=cost)
    parts = [lengths[part] for part in micro_batches(lengths, cost)]
    assert len(parts) > 1, "the batch must be one that is computed in parts"
    assert max(len(optimal_segments(part)) for part in parts) > 1, "a part must be one that is computed in runs"
    torch.manual_seed(3)
    reference = ReferenceNetwork(configuration, data.classes)
    fast = FoldTraining(data, configuration, 1, torch.device("cpu"))
    theirs = {fast_name(key, attention): weight for key, weight in reference.named_parameters()}
    fast.network.load_state_dict(theirs)
    loss = mean_loss(reference, collate(examples(replace(data, training=batch))))
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(fast.accumulate_gradients(batch)) / len(batch) == pytest.approx(float(loss.detach()), rel=1e-5)
    gradients = {key: weight.grad for key, weight in theirs.items()}
    # Parts whose gradient is nearly zero, such as the bias of scores under a softmax, are held to the whole's size.
    size = float(torch.stack([gradient.norm() for gradient in gradients.values() if gradient is not None]).norm())
    for key, weight in fast.network.named_parameters():
        assert weight.grad is not None
        assert gradients[key] is not None
        assert float((weight.grad - gradients[key]).norm()) <= 1e-5 * size, key


def test_operations_are_counted_by_hand_for_a_small_model(source: Source) -> None:
    configuration = configuration_of("none", 10, cells=2, layers=2)
    frames = int(source.open().store.lengths[source.open().data(configuration).training].sum())
    # A product of a vector with an (r, c) matrix is 2 r c operations; two directions, four gates of two cells.
    first, second, output = 2 * (8 * 42) * 2, 2 * (8 * 6) * 2, 2 * (4 * 5)
    by_inputs = 2 * (8 * 40) * 2
    assert useful_operations(source, configuration) == frames * (3 * (first + second + output) - by_inputs)


def test_the_shape_is_that_of_iemocap() -> None:
    corpus, lengths = iemocap_shape(1.0)
    assert len(corpus.utterances) == 2943
    assert np.mean(corpus.durations_s) == pytest.approx(4.25, abs=0.1)
    assert min(corpus.durations_s) >= 0.58
    assert 20 < max(corpus.durations_s) <= 29.1
    assert len(corpus.speakers) == 10
    assert lengths.sum() == pytest.approx(100 * sum(corpus.durations_s), rel=1e-3)
