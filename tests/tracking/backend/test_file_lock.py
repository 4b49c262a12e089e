import subprocess
import sys
from pathlib import Path

from tracking.backend.file_lock import file_lock


def test_a_lock_is_free_when_its_owner_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    code = (
        "import sys, time; from pathlib import Path; from tracking.backend.file_lock import file_lock\n"
        "with file_lock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        probe = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        refused = subprocess.run([sys.executable, "-c", probe, str(lock)], capture_output=True, check=False)
        assert b"BlockingIOError" in refused.stderr
        holder.kill()
        with file_lock(lock):
            pass
