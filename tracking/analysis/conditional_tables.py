"""Files of those tables that not every report has: a later report removes them, lest they pass for current."""

import re
from collections.abc import Collection, Iterable

_CONDITIONAL_FILES = re.compile(
    r"(attention_by_labels(_\d+)?|beside_the_paper)\.(csv|tex|md)|(tests_classical|reliability|map)\.csv"
)


def former_tables(files: Iterable[str], tables: Collection[str]) -> list[str]:
    """List the files of tables that a report lacks; whatever else is in its folder is not among them.

    Args:
        files: Names of the files in the folder of tables.
        tables: Names of the report's tables, without suffixes.
    """
    return [name for name in files if _CONDITIONAL_FILES.fullmatch(name) and name.partition(".")[0] not in tables]
