from xml.etree import ElementTree

import numpy as np
import pytest

from tracking.analysis.figures.confusion_svg import confusion_svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert(1)</script> & "$\\frac{\x0b\ud800'


def texts(svg: bytes) -> list[str | None]:
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def cells(svg: bytes) -> list[ElementTree.Element]:
    return [element for element in ElementTree.fromstring(svg).iter(f"{SVG}rect") if element.get("fill-opacity")]


def test_cells_hold_shares_and_counts() -> None:
    svg = confusion_svg(np.array([[30, 10], [5, 15]]), ["calm", "anger"], "title")
    assert {"75%", "30", "25%", "10", "5", "15", "calm", "anger", "title", "true", "predicted"} <= set(texts(svg))
    assert [float(str(cell.get("fill-opacity"))) for cell in cells(svg)] == pytest.approx(
        [0.4125, 0.1375, 0.1375, 0.4125], abs=0.001
    )


def test_rows_are_true_classes_and_columns_predicted_ones() -> None:
    (cell,) = cells(confusion_svg(np.array([[0, 4], [0, 0]]), "ab", "t"))
    (other,) = cells(confusion_svg(np.array([[0, 0], [4, 0]]), "ab", "t"))
    assert float(str(cell.get("x"))) - float(str(other.get("x"))) == float(str(cell.get("width")))
    assert float(str(other.get("y"))) - float(str(cell.get("y"))) == float(str(cell.get("height")))


@pytest.mark.parametrize("classes", [1, 4, 7, 8, 9, 20])
def test_everything_is_inside_the_figure(classes: int) -> None:
    names = [f"a long name of emotion {number}" for number in range(classes)]
    drawn = ElementTree.fromstring(confusion_svg(np.ones((classes, classes), np.int64), names, "x" * 200))
    assert drawn.get("viewBox") == "0 0 360 360"
    for cell in drawn.iter(f"{SVG}rect"):
        assert float(cell.get("x", 0)) + float(str(cell.get("width"))) <= 360
        assert float(cell.get("y", 0)) + float(str(cell.get("height"))) <= 360
    shown = [element.text for element in drawn.iter(f"{SVG}text")]
    assert ("1" in shown) == (classes <= 8), "counts stand where there is room for them"


def test_names_are_escaped() -> None:
    svg = confusion_svg(np.array([[5, 0], [2, 3]]), [HOSTILE, "$x$"], HOSTILE)
    assert b"<script" not in svg
    assert any((text or "").startswith("<script>") for text in texts(svg))
    title = ElementTree.fromstring(svg).findtext(f"{SVG}title")
    assert title == HOSTILE.replace("\x0b", "\ufffd").replace("\ud800", "\ufffd")


def test_the_same_matrix_gives_the_same_bytes() -> None:
    assert confusion_svg(np.eye(2, dtype=np.int64), "ab", "t") == confusion_svg(np.eye(2, dtype=np.int64), "ab", "t")
