"""What of a machine decides a result, compared with what the coordinator has before any of our code runs there.

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

Facts = Mapping[str, str]

_PACKAGES = ("ser", "studies")
_LIBRARIES = ("torch", "numpy")
_SHOWN = 5


def environment_fingerprint() -> dict[str, str]:
    """Versions and code of this machine.

    Returns:
        By name: Python's version without the patch level, versions of libraries, and a digest of each
        source file of this project's code, under its path.
    """
    facts = {"python": ".".join(platform.python_version_tuple()[:2])}
    for library in _LIBRARIES:
        try:
            facts[library] = str(importlib.import_module(library).__version__)
        except ImportError:
            facts[library] = "not installed"
    for package in _PACKAGES:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            facts[package] = "not installed"
            continue
        root = Path(found.origin).parent
        for path in sorted(root.rglob("*.py")):
            name = f"{package}/{path.relative_to(root).as_posix()}"
            facts[name] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return facts


def diff_environments(wanted: Facts, found: Facts) -> list[str]:
    """Says in what a node differs.

    Args:
        wanted: Facts of the coordinator's machine.
        found: Facts of the node.

    Returns:
        One text a version that differs, and one for all files together; empty where nothing differs.
    """
    missing = [name for name in _PACKAGES if found.get(name) == "not installed"]
    told = [f"package {name} of this project is not installed" for name in missing]
    files = []
    for name in sorted({*wanted, *found} - set(missing)):
        if wanted.get(name) == found.get(name) or name.partition("/")[0] in missing:
            continue
        if "/" in name:
            files.append(name)
        else:
            told.append(f"{name} is {found.get(name)}, expected {wanted.get(name)}")
    if files:
        more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
        told.append(f"its code is of another version, in {', '.join(files[:_SHOWN])}{more}")
    return told


def call_if_same_environment(wanted: Facts, module: str, function: str, argument: bytes) -> tuple[list[str], Any]:
    """Calls a function of this project on a node, unless the node differs.

    Args:
        wanted: Facts of the coordinator's machine.
        module: The function's module, imported only where nothing differs.
        function: Its name.
        argument: Its one argument, pickled.

    Returns:
        What differs or went wrong, one text each, and what the function returned if nothing did.
    """
    import pickle

    told = diff_environments(wanted, environment_fingerprint())
    if told:
        return told, None
    errors = importlib.import_module("ser.errors")
    try:
        return [], getattr(importlib.import_module(module), function)(pickle.loads(argument))
    except errors.SerError as error:
        return [str(error)], None
