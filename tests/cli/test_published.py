import csv
import io
import json

import pytest
from typer.testing import CliRunner

from studies.cli.main import app


def answer(*options: str) -> str:
    answer = CliRunner().invoke(app, ["report", "published", *options])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_the_table_shows_every_figure_in_one_line_a_test() -> None:
    lines = [" ".join(line.split()) for line in answer().splitlines()]
    for expected in (
        "component > none IEMOCAP UA 2943 67.0 : 65.1 .062 .053-.072 .089 .248 p < .05 not reproduced",
        "component > none IEMOCAP WA 2943 69.0 : 66.9 .042 .035-.050 – .211 p < .05 holds",
        "component > none FAU-Aibo UA 8257 42.9 : 41.4 .025 .019-.034 .128 .153 p < .05 holds",
        "quantum > none IEMOCAP UA 2943 65.4 : 65.1 .405 .374-.436 .416 .405 p < .10 not reproduced",
        "quantum > none IEMOCAP WA 2943 68.0 : 66.9 .184 .163-.206 – .368 p < .10 not reproduced",
        "quantum > none FAU-Aibo UA 8257 42.4 : 41.4 .096 .076-.121 .225 .289 p < .10 undecidable",
        "component IEMOCAP UA (+3.0%) .054-.060, component IEMOCAP WA (+3.1%) .041-.047, "
        "component FAU-Aibo UA (+3.6%) .025-.028",
        "after Holm's adjustment over the 6 tests none holds; the smallest p is .153",
    ):
        assert expected in lines
    assert any(line.startswith("component > none at p < .05: not reproduced (IEMOCAP UA: not") for line in lines)


def test_json_and_csv_hold_the_same_tests_unrounded() -> None:
    content = json.loads(answer("--json"))
    rows = list(csv.DictReader(io.StringIO(answer("--csv"))))
    assert [float(row["p"]) for row in rows] == [test["p"] for test in content["tests"]]
    assert float(rows[0]["rounding_low"]) == content["tests"][0]["rounding"]["low"]
    assert rows[0]["whole_low"] == rows[3]["relative_low"] == ""
    assert float(rows[0]["relative_high"]) == content["tests"][0]["relative"]["high"]
    assert {claim["verdict"] for claim in content["claims"]} == {"not reproduced"}
    assert "Interspeech 2019" in content["source"]


def test_two_formats_at_once_are_refused() -> None:
    answer = CliRunner().invoke(app, ["report", "published", "--json", "--csv"])
    assert answer.exit_code == 1
    assert "--json cannot be combined with --csv" in answer.output


@pytest.mark.parametrize("options", [(), ("published",)])
def test_a_misspelt_option_of_the_report_is_an_error(options: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, ["report", *options, "--no-such-option"]).exit_code == 2
