"""Where worker processes come from: a server that has imported what they need, and forks them in an instant.

Importing torch is nearly all of a worker's start. The server does it once, for all workers and for those that
take the place of dead ones, and they share the memory that it takes. The server has no threads, no card and
nothing of a study, which a copy of the coordinator would have. It is started with the first worker, and ends
when the coordinator and all workers have.
"""

import multiprocessing

FORKSERVER = multiprocessing.get_context("forkserver")
"""Makes the worker processes and their pipes; the first is to be started within `keeping_memory`."""

FORKSERVER.set_forkserver_preload(["studies.execution.worker"])
