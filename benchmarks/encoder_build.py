"""Cost of an encoder's frames on IEMOCAP's shape: speed, memory, room on disk, and builds that are killed.

`ser features build` computes layer 4 of a random encoder of WavLM base's size for as many and as long utterances as
IEMOCAP's, all of them noise. It is killed at moments spread over the first quarter of the corpus, and run again each
time; the last run is left to itself, and its estimate compared with the time that it took. Memory is the peak of the
resident sets of all of its processes together, polled; processor time is theirs, too.

    python -m benchmarks.encoder_build [--share 0.03] [--kills 3] [--folder FOLDER]
"""

import argparse
import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import psutil

from benchmarks.process_memory import resident_bytes
from benchmarks.workloads import iemocap_shape
from ser.corpora.synthetic.files import write_wav
from ser.features.store import METADATA, frames_file, read_metadata

RESULTS = Path(__file__).parent / "results" / "encoder_build.json"
LAYER, RATE_HZ = 4, 16_000
LIMIT_GB, ESTIMATE_ERROR = 2.5, 0.3

BUILD = "from studies.cli.main import app; app()"
_POLL_S = 0.1
_ESTIMATE = re.compile(r"about (?P<number>[\d.]+) (?P<unit>minute|hour)s? more .* and (?P<mib>[\d,]+) MiB on disk")
_UNITS_S = {"minute": 60, "hour": 3600}


@dataclass(frozen=True)
class Build:
    """One run of `ser features build`.

    Attributes:
        killed_at: Utterances on disk when it was killed; None for a run that ended by itself.
        wall_s: Duration of the process, in seconds.
        processor_s: Its processor time, in seconds.
        peak_gb: Peak of the resident sets of its processes together, in units of 10^9 bytes.
        estimated_s: Time left, in seconds, that the run said after its first utterances; None where it said none.
        left_s: Time that was left then, in seconds; None as above, and for a run that was killed.
        estimated_mib: Room on disk that it said, in MiB.
        blocks: Utterances on disk, wall time and processor time, in seconds, whenever more were written.
    """

    killed_at: int | None
    wall_s: float
    processor_s: float
    peak_gb: float
    estimated_s: float | None
    left_s: float | None
    estimated_mib: int | None
    blocks: list[tuple[int, float, float]]


def write_corpus(folder: Path, share: float) -> int:
    """Write noise as a corpus with the lengths of IEMOCAP's utterances, if it is missing; return their number."""
    corpus, _ = iemocap_shape(share)
    if not (folder / "manifest.csv").exists():
        folder.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(3)
        for utterance, duration_s in zip(corpus.utterances, corpus.durations_s, strict=True):
            samples = generator.normal(0, 1000, round(duration_s * RATE_HZ)).clip(-32768, 32767).astype(np.int16)
            write_wav(folder / f"{utterance.id}.wav", samples)
        rows = [(f"{item.id}.wav", item.speaker, item.session, item.emotion) for item in corpus.utterances]
        with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("path", "speaker", "session", "emotion"), *rows])
    return len(corpus.utterances)


def write_encoder(folder: Path) -> None:
    """Write a random encoder of WavLM base's size, if it is missing."""
    import torch
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMModel

    if not (folder / "model.safetensors").exists():
        torch.manual_seed(1)
        Wav2Vec2FeatureExtractor().save_pretrained(folder)
        WavLMModel(WavLMConfig()).save_pretrained(folder)


def run_build(folder: Path, home: Path, kill_at: int | None = None) -> Build:
    """Run `ser features build` in a new process, and measure it.

    Args:
        folder: Folder of corpus and encoder.
        home: Home of the store.
        kill_at: Utterances on disk after which the process is killed; None for never.

    Raises:
        RuntimeError: The process failed; the message is its output.
    """
    arguments = ["features", "build", "--corpus", "manifest", "--root", str(folder / "corpus"), "--home", str(home)]
    arguments += ["--features", f"pretrained:{folder / 'encoder'}@{LAYER}"]
    started_s = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", BUILD, *arguments], stderr=subprocess.PIPE, text=True)
    output = list[tuple[float, str]]()
    reader = Thread(target=_read, args=(process, output))
    reader.start()
    tree, peak_bytes = psutil.Process(process.pid), 0
    blocks = [(_on_disk(home), 0.0, 0.0)]
    while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        peak_bytes, on_disk = max(peak_bytes, resident_bytes(tree)), _on_disk(home)
        if on_disk > blocks[-1][0]:
            blocks.append((on_disk, time.perf_counter() - started_s, _processor_s(tree)))
        if kill_at is not None and on_disk >= kill_at:
            # Not by its own method, which would reap it where it has just ended, and with it its processor time.
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(_POLL_S)
    ended_s, usage = time.perf_counter(), ended[2]
    process.returncode = os.waitstatus_to_exitcode(ended[1])
    reader.join()
    killed_at = _on_disk(home) if process.returncode == -signal.SIGKILL else None
    if process.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError("".join(line for _, line in output)[-2000:])
    said = next(((at_s, shown) for at_s, line in output if (shown := shown_estimate(line))), None)
    return Build(
        killed_at=killed_at,
        wall_s=ended_s - started_s,
        processor_s=usage.ru_utime + usage.ru_stime,
        peak_gb=peak_bytes / 1e9,
        estimated_s=None if said is None else said[1][0],
        left_s=None if said is None or killed_at is not None else ended_s - said[0],
        estimated_mib=None if said is None else said[1][1],
        blocks=blocks,
    )


def shown_estimate(line: str) -> tuple[float, int] | None:
    """Read the time left, in seconds, and the room on disk, in MiB, off a line of output; None for another line."""
    shown = _ESTIMATE.search(line)
    if shown is None:
        return None
    return float(shown["number"]) * _UNITS_S[shown["unit"]], int(shown["mib"].replace(",", ""))


def _read(process: "subprocess.Popen[str]", output: list[tuple[float, str]]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        output.append((time.perf_counter(), line))


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _on_disk(home: Path) -> int:
    """Return the number of utterances whose frames a build has written so far."""
    return max((path.stat().st_size // 8 for path in home.glob("features/.*.partial/lengths.journal")), default=0)


def measure(folder: Path, share: float, kills: int) -> dict[str, Any]:
    """Build the store, killed and run again.

    Args:
        folder: Folder of corpus, encoder and home; the home must not exist.
        share: Share of IEMOCAP's utterances, 0..1.
        kills: Number of moments at which the build is killed.

    Raises:
        RuntimeError: A build failed.
    """
    utterances = write_corpus(folder / "corpus", share)
    write_encoder(folder / "encoder")
    builds = list[Build]()
    for number in range(kills + 1):
        kill_at = None if number == kills else (number + 1) * utterances // (4 * kills)
        builds.append(run_build(folder, folder / "home", kill_at))
        _report(builds[-1])
    (path,) = folder.glob(f"home/features/[!.]*/{METADATA}")
    metadata = read_metadata(path.parent)
    return {
        "share": share,
        "utterances": utterances,
        "frames": metadata.frames,
        "frames_mib": (path.parent / frames_file(metadata.settings)).stat().st_size / 2**20,
        "computed_s": metadata.build_s,
        "builds": [asdict(build) for build in builds],
        "load_average": os.getloadavg()[1],
    }


def _report(build: Build) -> None:
    moment = "done" if build.killed_at is None else f"killed at {build.killed_at} utterances"
    estimate = "no estimate"
    if build.estimated_s is not None:
        left = "" if build.left_s is None else f", it took {build.left_s:.0f} s"
        estimate = f"estimate {build.estimated_s:.0f} s and {build.estimated_mib} MiB{left}"
    costs = f"{build.wall_s:.0f} s, {build.processor_s:.0f} s of processor time, peak {build.peak_gb:.2f} GB"
    print(f"{moment}: from {build.blocks[0][0]}, {costs}, {estimate}", flush=True)


def main() -> None:
    """Print every build and whether the limits are met; store all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="share of IEMOCAP's utterances, 0..1")
    parser.add_argument("--kills", type=int, default=3, help="moments at which the build is killed")
    parser.add_argument("--folder", type=Path, help="folder of corpus, encoder and stores [default: a temporary one]")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        outcome = measure((options.folder or Path(temporary)).resolve(), options.share, options.kills)
    builds, last = outcome["builds"], outcome["builds"][-1]
    print(
        f"{outcome['frames']:,} frames, {outcome['frames'] / outcome['computed_s']:,.0f} a second; "
        f"{outcome['frames_mib']:,.0f} MiB; load average {outcome['load_average']:.1f}"
    )
    peak_gb = max(build["peak_gb"] for build in builds)
    print(f"memory of at most {LIMIT_GB} GB: {'yes' if peak_gb <= LIMIT_GB else 'no'}")
    if last["estimated_s"] is not None:
        error = last["estimated_s"] / last["left_s"] - 1
        print(f"estimate within {ESTIMATE_ERROR:.0%}: {'yes' if abs(error) <= ESTIMATE_ERROR else 'no'} ({error:+.0%})")
    options.results.parent.mkdir(exist_ok=True)
    options.results.write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
