"""Uploads: received within limits, written to a file of the server's own naming, and deleted."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from studies.serving.limits import MEGABYTE, UPLOAD_TIMEOUT_S, ServerLimits

_FIELD = "file"
_FORM_BYTES = 10_000
"""Room for the form around a file."""


class UploadReceiver:
    """Receiver of uploads.

    Args:
        limits: Limits.
        folder: Folder for the files while they are worked on.
    """

    def __init__(self, limits: ServerLimits, folder: Path) -> None:
        self._limits = limits
        self._folder = folder
        self._requests = 0

    @asynccontextmanager
    async def receive(self, request: Request) -> AsyncIterator[Path]:
        """Receive the audio file of a request, and delete it afterwards.

        Raises:
            HTTPException: The request is refused; the text says why.
        """
        self._check(request)
        if self._requests >= self._limits.max_requests:
            raise HTTPException(
                429, f"{self._requests} requests are being worked on: try again later", {"Retry-After": "2"}
            )
        self._requests += 1
        try:
            with tempfile.NamedTemporaryFile(dir=self._folder) as file:
                async with _timely_form(request) as upload:
                    await run_in_threadpool(shutil.copyfileobj, upload.file, file)
                    file.flush()
                yield Path(file.name)
        finally:
            self._requests -= 1

    def _check(self, request: Request) -> None:
        """Refuse what the headers of a request show."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise HTTPException(415, f"expected a form (multipart/form-data) with the audio file in field '{_FIELD}'")
        length = request.headers.get("content-length", "")
        # Of both headers HTTP follows Transfer-Encoding, whose length is not known before its end.
        if not length.isdecimal() or "transfer-encoding" in request.headers:
            raise HTTPException(411, "expected the header Content-Length, without Transfer-Encoding")
        if int(length) > self._limits.max_upload_mb * MEGABYTE + _FORM_BYTES:
            megabytes = int(length) / MEGABYTE
            raise HTTPException(
                413, f"the upload has {megabytes:.1f} MB; expected {self._limits.max_upload_mb:g} MB at most"
            )


@asynccontextmanager
async def _timely_form(request: Request) -> AsyncIterator[UploadFile]:
    """Receive a form with one file, and yield the file."""
    try:
        async with asyncio.timeout(UPLOAD_TIMEOUT_S):
            form = await request.form(max_files=1, max_fields=4, max_part_size=_FORM_BYTES)
    except TimeoutError:
        raise HTTPException(408, f"the upload did not arrive within {UPLOAD_TIMEOUT_S:g} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the upload ended early") from None
    try:
        upload = form.get(_FIELD)
        if not isinstance(upload, UploadFile):
            raise HTTPException(422, f"expected the audio file in field '{_FIELD}' of the form")
        yield upload
    finally:
        await form.close()
