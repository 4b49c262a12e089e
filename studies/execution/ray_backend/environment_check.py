"""Comparison of a node's code and versions with the coordinator's, before any code of this project runs there.

This module is sent to nodes as it stands (pickled by value), since a node may lack this project or
hold another version of it. So it imports nothing but the standard library, except inside functions.
"""

import hashlib
import importlib
import importlib.util
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Fingerprint = Mapping[str, str]

_PACKAGES = ("ser", "studies")
_LIBRARIES = ("torch", "numpy")
_MAX_NAMED_FILES = 5


def environment_fingerprint() -> dict[str, str]:
    """Return versions and code of this machine.

    Returns:
        By name: Python's version without the patch level, versions of libraries, and a digest of each
        source file of this project's code, under its path.
    """
    fingerprint = {"python": ".".join(platform.python_version_tuple()[:2])}
    for library in _LIBRARIES:
        try:
            fingerprint[library] = str(importlib.import_module(library).__version__)
        except ImportError:
            fingerprint[library] = "not installed"
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            fingerprint[package] = "not installed"
            continue
        root = Path(spec.origin).parent
        for path in sorted(root.rglob("*.py")):
            name = f"{package}/{path.relative_to(root).as_posix()}"
            fingerprint[name] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return fingerprint


def diff_environments(expected: Fingerprint, actual: Fingerprint) -> list[str]:
    """Compare a node with the coordinator.

    Args:
        expected: Fingerprint of the coordinator's machine.
        actual: Fingerprint of the node.

    Returns:
        One text per version that differs, and one for all files together; empty if nothing differs.
    """
    missing = [name for name in _PACKAGES if actual.get(name) == "not installed"]
    differences = [f"package {name} of this project is not installed" for name in missing]
    files = []
    for name in sorted({*expected, *actual} - set(missing)):
        if expected.get(name) == actual.get(name) or name.partition("/")[0] in missing:
            continue
        if "/" in name:
            files.append(name)
        else:
            differences.append(f"{name} is {actual.get(name)}, expected {expected.get(name)}")
    if files:
        more = f" and {len(files) - _MAX_NAMED_FILES} more" if len(files) > _MAX_NAMED_FILES else ""
        differences.append(f"its code is another version, in {', '.join(files[:_MAX_NAMED_FILES])}{more}")
    return differences


def call_if_same_environment(
    expected: Fingerprint, module: str, function: str, argument: bytes
) -> tuple[list[str], Any]:
    """Call a function of this project on a node, unless the node differs.

    Args:
        expected: Fingerprint of the coordinator's machine.
        module: The function's module, imported only if nothing differs.
        function: Its name.
        argument: Its one argument, pickled.

    Returns:
        Problems, one text per difference or error, and the function's return value if there are none.
    """
    import pickle

    differences = diff_environments(expected, environment_fingerprint())
    if differences:
        return differences, None
    errors = importlib.import_module("ser.errors")
    try:
        return [], getattr(importlib.import_module(module), function)(pickle.loads(argument))
    except errors.SerError as error:
        return [str(error)], None
