"""Study files: the choices of a study as YAML, written from its plan and read again with file and line of errors.

The text is only divided into names and scalars, never made into objects: `off` and `none` stay words, and no tag of
a file is followed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_type_hints

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ser.corpora.registry import LOADERS
from ser.errors import ConfigurationError, SerError, unknown_value_message
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.study_keys import StudyKeys, keys_of_plan, options_of_keys

_LISTS = ("attention", "labels", "scope", "features")
_MAPPINGS = ("set", "corpus_set")
_NUMBERS = ("scope", "seeds", "trials")
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
# What the values of all other keys are checked against.
_FIRST = ("corpus", "recipe", "attention")
_KEYS = ("root", *get_type_hints(StudyKeys))


@dataclass(frozen=True)
class StudyFile:
    """Content of a study file.

    Attributes:
        plan: The study's plan.
        root: Folder of its corpus, relative to the working directory as on a command line; None where none is named.
    """

    plan: StudyPlan
    root: Path | None


@dataclass(frozen=True)
class _Entry:
    """Value in a study file.

    Attributes:
        key: Key at the file's top.
        name: Name below it, of a setting or an option of the corpus; None elsewhere.
        value: The value.
        line: Its line, from 1.
    """

    key: str
    name: str | None
    value: str | int | bool
    line: int


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # the library has no types
    """Dumper that quotes no word for which YAML has a meaning, such as off: study files hold text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - overrides an attribute of the library


def format_study_file(name: str, plan: StudyPlan, root: str | None) -> str:
    """Write a study as YAML; `read_study_file` reads the same plan from it.

    Args:
        name: Name of the study, for the comment above.
        plan: Its plan.
        root: Folder of its corpus, or None for the demo corpus, which needs none.
    """
    keys: dict[str, Any] = {**keys_of_plan(plan)}
    content = {"corpus": keys.pop("corpus")} | ({} if root is None else {"root": root}) | keys
    title = "".join(character if character.isprintable() else "?" for character in name)
    comment = f"# Study {title}. Run or resume it: ser study run --file FILE\n"
    text: str = yaml.dump(
        _as_text(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=10**6
    )
    return comment + text


def _as_text(value: object) -> object:
    """Turn the scalars of a study file into text, which the dumper writes without quotes or tags."""
    if isinstance(value, dict):
        return {name: _as_text(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(part) for part in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_study_file(path: Path, download: bool = False) -> StudyFile:
    """Read a study file.

    Args:
        path: The file.
        download: Whether encoders may be downloaded.

    Raises:
        ConfigurationError: It cannot be read, or names no study; the text has the file and the line.
    """
    entries = _read_entries(path)
    if not any(entry.key == "attention" for entry in entries):
        raise ConfigurationError(f"{path}: expected the key attention, such as: attention: [none, quantum]")
    root = next((Path(str(entry.value)) for entry in entries if entry.key == "root"), None)
    try:
        return StudyFile(StudyPlan.from_options(_options(entries, download)), root)
    except SerError:
        _raise_with_line(path, entries, download)
        raise


def _raise_with_line(path: Path, entries: Sequence[_Entry], download: bool) -> None:
    """Find the first entry with which there is no plan, and raise its error with the line."""
    ordered = sorted(entries, key=lambda entry: entry.key not in _FIRST)
    for count in range(1, len(ordered) + 1):
        try:
            StudyPlan.from_options(_options(ordered[:count], download))
        except SerError as error:
            raise ConfigurationError(f"{path}, line {ordered[count - 1].line}: {error}") from None


def _options(entries: Sequence[_Entry], download: bool) -> StudyOptions:
    keys: dict[str, Any] = {}
    for entry in entries:
        if entry.name is not None:
            keys.setdefault(entry.key, {})[entry.name] = entry.value
        elif entry.key in _LISTS:
            keys.setdefault(entry.key, []).append(entry.value)
        elif entry.key != "root":
            keys[entry.key] = entry.value
    return options_of_keys(cast(StudyKeys, keys), download)


def _read_entries(path: Path) -> list[_Entry]:
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: expected text in UTF-8 ({error.reason} at byte {error.start})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise ConfigurationError(f"{path}{line}: expected YAML: {reason}") from None
    if not isinstance(node, MappingNode):
        raise ConfigurationError(f"{path}, line 1: expected keys with values, such as: attention: quantum")
    return [entry for key, value in _pairs(path, node) for entry in _entries_of_key(path, key, value)]


def _pairs(path: Path, node: MappingNode) -> Iterator[tuple[ScalarNode, Node]]:
    """Yield keys and values of a mapping, each key once."""
    lines: dict[str, int] = {}
    for key, value in node.value:
        name = _text(path, key)
        if name in lines:
            raise _error(path, key, f"{name} stands on line {lines[name]} already")
        lines[name] = key.start_mark.line + 1
        yield key, value


def _entries_of_key(path: Path, key: ScalarNode, value: Node) -> Iterator[_Entry]:
    name = key.value
    if name not in _KEYS:
        raise _error(path, key, unknown_value_message("key", name, _KEYS))
    if name in _MAPPINGS:
        if not isinstance(value, MappingNode):
            raise _error(path, value, f"{name}: expected names with values, such as: {name}: {{name: value}}")
        for setting, content in _pairs(path, value):
            yield _Entry(name, setting.value, _text(path, content), content.start_mark.line + 1)
        return
    items = value.value if name in _LISTS and isinstance(value, SequenceNode) else [value]
    for item in items:
        yield _Entry(name, None, _value(path, name, item), item.start_mark.line + 1)


def _value(path: Path, key: str, node: Node) -> str | int | bool:
    text = _text(path, node)
    if key in _NUMBERS:
        if not text.isdecimal():
            raise _error(path, node, f"{key}: expected a whole number, got {text}")
        return int(text)
    if key == "baseline":
        if text.lower() not in _BOOLEANS:
            raise _error(path, node, f"baseline: expected true or false, got {text}")
        return _BOOLEANS[text.lower()]
    if key == "corpus" and text not in LOADERS:
        raise _error(path, node, unknown_value_message("corpus", text, LOADERS))
    return text


def _text(path: Path, node: Node) -> str:
    """Return the text of a scalar, whatever type YAML would give it."""
    if not isinstance(node, ScalarNode):
        raise _error(path, node, "expected one value")
    if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
        raise _error(path, node, f"expected a value without the tag {node.tag}")
    if node.value == "" and node.style is None:
        raise _error(path, node, "expected a value")
    return str(node.value)


def _error(path: Path, node: Node, text: str) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {node.start_mark.line + 1}: {text}")
