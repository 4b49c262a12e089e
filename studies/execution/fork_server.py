"""Fork server of the local executor: it has imported what a worker needs, and forks workers in milliseconds.

Importing torch is nearly all of a worker's start. The server does it once, for all workers and for those that
replace dead ones, and they share the memory that it takes. The server has no threads, no GPU context and
no data of a study, which a copy of the coordinator would have. It is started with the first worker, and ends
after the coordinator and all workers.
"""

import multiprocessing

FORKSERVER = multiprocessing.get_context("forkserver")
"""Context of worker processes and their pipes; start the first worker within `malloc_environment`."""

FORKSERVER.set_forkserver_preload(["studies.execution.worker"])
