"""Batching: what waits while a model decides is decided together afterwards."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from ser.inference.frames import Recording
from ser.inference.model import EmotionModel, Prediction

_MAX_BATCH = 64
"""Recordings after which no more join a batch."""


@dataclass(frozen=True)
class _Job:
    recordings: Sequence[Recording]
    answer: "Future[list[Prediction]]" = field(default_factory=Future)


class PredictionQueue:
    """Queue in front of a model, which several threads use at once."""

    def __init__(self, model: EmotionModel) -> None:
        self._model = model
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="predictions", daemon=True)
        self._thread.start()

    def predict(self, recordings: Sequence[Recording]) -> list[Prediction]:
        """Recognise the emotions of recordings without speakers, in their order; waits for the answer."""
        job = _Job(recordings)
        self._jobs.put(job)
        return job.answer.result()

    def close(self) -> None:
        """End the queue's thread after what waits."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, closing = self._join_waiting(job)
            try:
                predictions = iter(list(self._model.predict([one for job in batch for one in job.recordings])))
            except BaseException as error:  # noqa: BLE001 - raised where the answer is waited for
                for job in batch:
                    job.answer.set_exception(error)
            else:
                for job in batch:
                    job.answer.set_result([next(predictions) for _ in job.recordings])
            if closing:
                return

    def _join_waiting(self, first: _Job) -> tuple[list[_Job], bool]:
        """Join the jobs that wait; also says whether the queue was closed."""
        batch, recordings = [first], len(first.recordings)
        while recordings < _MAX_BATCH:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
            recordings += len(job.recordings)
        return batch, False
