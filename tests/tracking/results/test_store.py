"""Store of results: files that appear whole, are never replaced, and whose damage is named."""

from pathlib import Path

import pytest

from ser.errors import SerError, StudyError
from ser.training.checkpoint import add_digests, parse_result, serialize_fold
from tests.support.toy_corpus import small, train
from tracking.results.store import ResultStore


@pytest.fixture(scope="module")
def content() -> bytes:
    return serialize_fold(train(small()))


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(tmp_path / "results")


def test_result_is_found_by_its_identity(store: ResultStore, content: bytes) -> None:
    result = parse_result(content)
    assert not store.identities()
    path = store.put(result.identity, content)
    assert path.read_bytes() == content
    assert store.identities() == {result.identity}
    assert store.result(result.identity) == result
    assert store.fold(result.identity).path == path
    assert store.find_damaged([result.identity, "0" * 32]) == {}


def test_existing_result_is_never_replaced(store: ResultStore, content: bytes) -> None:
    identity = parse_result(content).identity
    path = store.put(identity, content)
    store.put(identity, b"other content")
    assert path.read_bytes() == content


def test_any_flipped_bit_is_noticed_and_named(store: ResultStore, content: bytes) -> None:
    identity = parse_result(content).identity
    path = store.put(identity, content)
    for position in range(0, len(content), len(content) // 200):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        assert str(path) in store.find_damaged([identity])[identity]


def test_changed_digit_of_a_result_is_noticed_when_read(store: ResultStore, content: bytes) -> None:
    identity = parse_result(content).identity
    changed = content.replace(rb"\"selected_epoch\":", rb"\"selected_epoch\":1", 1)
    assert len(changed) == len(content) + 1
    path = store.put(identity, changed[:7] + changed[7:].replace(b"  ", b" ", 1))
    with pytest.raises(SerError, match=str(path)):
        store.result(identity)


def test_file_of_another_fold_is_named(store: ResultStore, content: bytes) -> None:
    store.put("0" * 32, content)
    with pytest.raises(SerError, match="holds the result of another fold"):
        store.result("0" * 32)


def test_trained_fold_that_is_damaged_missing_or_another_is_named(store: ResultStore, content: bytes) -> None:
    identity = parse_result(content).identity
    path = store.put(identity, content)
    assert serialize_fold(store.trained(identity)) == content
    store.put("0" * 32, content)
    with pytest.raises(SerError, match=rf"{'0' * 32}\.safetensors: holds the result of another fold, {identity}"):
        store.trained("0" * 32)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(SerError, match=rf"{path}: expected a trained fold"):
        store.trained(identity)
    path.unlink()
    with pytest.raises(SerError, match=rf"{path}: expected a trained fold .*No such file"):
        store.trained(identity)


def test_moved_result_replaces_nothing(store: ResultStore, content: bytes, tmp_path: Path) -> None:
    identity = parse_result(content).identity
    store.put(identity, content)
    first = store.move(identity, tmp_path / "trash")
    store.put(identity, content)
    second = store.move(identity, tmp_path / "trash")
    assert not store.identities()
    assert first != second
    assert first.read_bytes() == second.read_bytes() == content


def test_full_disk_is_named(store: ResultStore, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    with pytest.raises(StudyError, match="cannot save a fold result"):
        store.put(parse_result(content).identity, content)


def test_digests_are_added_to_a_file_without(content: bytes) -> None:
    from safetensors.torch import load, save

    weights = load(content)
    plain = save(weights, metadata={"result": parse_result(content).model_dump_json()})
    assert add_digests(plain) == content
