import gc

import pytest

from studies.cli.lazy_command import _import_body


def test_garbage_is_collected_again_once_a_body_is_imported() -> None:
    assert _import_body("gc:isenabled")() is True
    with pytest.raises(ModuleNotFoundError):
        _import_body("no_such_module:run")
    assert gc.isenabled()
