"""Cluster of a study: the one that is running, or its own; and the requests that are refused before one is asked."""

import os
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from ser.errors import ConfigurationError, StudyError
from studies.execution.ray_backend.cluster import make_private_token, ray_cluster
from tests.support.fold_tasks import LONG_S
from tests.support.ray_nodes import join

ROOT = Path(__file__).resolve().parents[4]


def test_a_cluster_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: make setup EXECUTOR=ray")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(StudyError, match="RAY_ADDRESS ray://head:10001 is a Ray Client address"):
        join(ray_cluster(None, None))
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(StudyError, match=r"RAY_ADDRESS 127.0.0.1:1: cannot connect to a Ray cluster: "):
        join(ray_cluster(None, None))


def test_a_share_of_more_than_one_gpu_is_refused() -> None:
    for share in (-0.5, 1.5):
        with pytest.raises(ConfigurationError, match=f"--gpus must be between 0 and 1 GPU per fold, got {share:g}"):
            join(ray_cluster(None, share))


def test_without_ray_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"executor ray needs Ray: pip install 'ser-studies\[ray\]'"):
        join(ray_cluster(None, None))


LOCAL = """
import sys
from ser.devices import name_of_device
from studies.execution.ray_backend.cluster import ray_cluster
with ray_cluster(int(sys.argv[1]), None) as cluster:
    print(len(cluster.call_all(name_of_device, "cpu")), cluster.request)
"""


def test_a_token_is_readable_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".ray" / "auth_token"
    make_private_token()
    token = file.read_text()
    assert len(token) >= 32
    file.chmod(0o644)
    make_private_token()
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == (token, 0o600)
    assert list(file.parent.iterdir()) == [file]


def test_without_an_address_a_cluster_is_started_and_ended(tmp_path: Path) -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: make setup EXECUTOR=ray")
    # Ray keeps a token in its user's home.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", LOCAL, "1"]
    answer = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert (answer.returncode, answer.stdout) == (0, "1 FoldRequest(gpus=0.0)\n"), answer.stderr
    left = [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("HOME") == str(tmp_path)
    ]
    assert left == []
