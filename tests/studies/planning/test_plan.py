from typing import Any

import pytest

from ser.errors import ConfigurationError
from ser.identity import RESULTS_VERSION, installed_torch_version
from studies.planning.command import study_command
from studies.planning.options import StudyOptions
from studies.planning.plan import StudyPlan
from studies.planning.search_space import point_parameters
from studies.planning.study_name import study_name

DIGEST = "0" * 32
LABELS = ("words", "phonemes", "phonemes_x2")


def plan(*attentions: str, **others: Any) -> StudyPlan:
    values = {"corpus": "emodb", "recipe": "quick", "attentions": attentions or ("none",)} | others
    return StudyPlan.from_options(StudyOptions(**values))


def name_of(study: StudyPlan) -> str:
    return study_name(study, DIGEST, "cpu")


def with_settings(**overrides: str) -> StudyPlan:
    return plan("all", overrides=overrides)


def swept(of: StudyPlan) -> list[tuple[Any, ...]]:
    return [(point.attention, point.scope, point.labels, point.seed) for point in of.points("fp32")]


def test_points_are_attention_by_scope_by_labels_each_once() -> None:
    points = swept(plan("all", scopes=(3, 5)))
    expected: set[tuple[Any, ...]] = {
        (attention, None, labels, 1) for attention in ("none", "quantum") for labels in LABELS
    }
    expected |= {(name, scope, labels, 1) for name in ("local", "component") for scope in (3, 5) for labels in LABELS}
    assert set(points) == expected
    assert len(points) == len(expected) == 18


def test_a_study_brings_its_baseline_with_the_same_settings() -> None:
    points = swept(plan("quantum", labels=("words",), seeds=2, baseline=True))
    assert points == [(attention, None, "words", seed) for seed in (1, 2) for attention in ("none", "quantum")]


def test_a_study_with_its_baseline_is_named_by_both() -> None:
    with_baseline = name_of(plan("quantum", baseline=True))
    assert with_baseline == name_of(plan("none", "quantum"))
    assert with_baseline.startswith("emodb-quick-none+quantum-")
    assert name_of(plan("local", "component", "quantum", baseline=True)).startswith("emodb-quick-all-")


def test_a_study_of_none_has_its_baseline_already() -> None:
    for attentions in (("none",), ("quantum", "none"), ("all",)):
        assert plan(*attentions, baseline=True) == plan(*attentions)


def test_a_search_sweeps_no_attention_but_those_asked_for() -> None:
    assert plan("local", recipe="extended", baseline=True) == plan("local", recipe="extended")


def test_scope_is_swept_for_windowed_attention_only() -> None:
    assert len(swept(plan("quantum", recipe="paper"))) == 3
    assert len(swept(plan("component", recipe="paper"))) == 7 * 3


def test_every_point_is_repeated_with_every_seed() -> None:
    points = swept(plan("quantum", "local", seeds=3))
    assert len(set(points)) == len(points) == 3 * 2 * 3
    assert {seed for *_, seed in points} == {1, 2, 3}


def test_more_seeds_keep_the_points_of_fewer() -> None:
    assert swept(plan("quantum", seeds=3))[:3] == swept(plan("quantum"))


def test_naming_a_value_twice_does_not_double_points() -> None:
    twice = plan("none", "none", "all", labels=("words", "words"), scopes=(9, 9))
    assert swept(twice) == swept(plan("all", labels=("words",), scopes=(9,)))


def test_cross_entropy_has_no_label_strategies() -> None:
    points = plan("all", criterion="cross_entropy").points("fp32")
    assert [(point.attention, point.labels, point.decision) for point in points] == [
        ("none", None, None),
        ("local", None, None),
        ("component", None, None),
        ("quantum", None, None),
    ]


def test_points_carry_the_resolved_precision() -> None:
    assert {point.precision for point in plan().points("bf16")} == {"bf16"}


def test_settings_without_effect_do_not_make_other_points() -> None:
    plain, moved = plan("quantum"), plan("quantum", overrides={"component_score": "window"}, scopes=(3, 21))
    assert plain.points("fp32") == moved.points("fp32")
    assert name_of(plain) == name_of(moved)


def test_settings_are_given_as_text() -> None:
    changed = with_settings(ema_decay="off", gradient_clip="null", balance="none", epochs="3", learning_rate="5e-4")
    points = changed.points("fp32")
    assert points
    for point in points:
        assert point.ema_decay is None
        assert point.gradient_clip is None
        assert point.balance == "none"
        assert point.epochs == 3
        assert point.learning_rate == 5e-4


def test_precision_may_be_set() -> None:
    assert with_settings(precision="bf16").precision == "bf16"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"epoch": "3"},
            "unknown setting 'epoch' (did you mean 'epochs'?); valid: attention_norm, balance, batch_size",
        ),
        ({"seed": "3"}, "unknown setting 'seed'"),
        ({"labels": "words"}, "unknown setting 'labels'"),
        ({"features": "x"}, "unknown setting 'features'"),
        ({"epochs": "many"}, "epochs: Input should be a valid integer"),
        ({"epochs": "0"}, "epochs: Input should be greater than or equal to 1"),
        ({"epochs": "2.5"}, "epochs: Input should be a valid integer"),
        ({"ema_decay": "1.5"}, "ema_decay: Input should be less than 1"),
        ({"ema_decay": "none"}, "ema_decay: Input should be a valid number"),
        ({"stack": "4"}, "stack: Input should be less than or equal to 3"),
        ({"balance": "weight"}, "unknown balance 'weight' (did you mean 'weights'?); valid: none, weights, upsample"),
        ({"precision": "fp16"}, "unknown precision 'fp16' (did you mean 'bf16'?); valid: fp32, bf16, tf32, auto"),
        ({"cells": "off"}, "cells: Input should be a valid integer"),
    ],
)
def test_a_bad_setting_is_one_line(overrides: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        with_settings(**overrides)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"attentions": ("quantun",)}, "unknown attention 'quantun' (did you mean 'quantum'?); valid: none, local"),
        ({"labels": ("word",)}, "unknown labels 'word' (did you mean 'words'?); valid: words, phonemes, phonemes_x2"),
        ({"recipe": "fast"}, "unknown recipe 'fast'; valid: paper, recommended, quick, extended"),
        ({"criterion": "ct"}, "unknown criterion 'ct' (did you mean 'ctc'?); valid: ctc, cross_entropy, joint"),
        ({"seeds": 0}, "--seeds must be 1 or more, got 0"),
        ({"scopes": (4,)}, "scope 4 is not an odd number of frames, 1 or more"),
        ({"scopes": (9, 0)}, "scope 0 is not an odd number of frames, 1 or more"),
        ({"scopes": (-3,)}, "scope -3 is not an odd number of frames, 1 or more"),
    ],
)
@pytest.mark.parametrize("attention", ["local", "none"])
def test_a_bad_choice_is_one_line(choice: dict[str, Any], message: str, attention: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan(**{"attentions": (attention,)} | choice)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "setting", ["component_score", "attention_norm", "quantum_boundary", "quantum_states", "decision", "loss_scale"]
)
@pytest.mark.parametrize("criterion", ["ctc", "cross_entropy", "joint"])
def test_a_bad_value_is_refused_even_where_it_has_no_effect(setting: str, criterion: str) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown {setting} 'odd'"):
        plan("none", criterion=criterion, overrides={setting: "odd"})


def test_a_study_is_named_by_corpus_recipe_attentions_and_digest() -> None:
    assert name_of(plan("quantum")).rsplit("-", 1)[0] == "emodb-quick-quantum"
    assert name_of(plan("none", "local")).startswith("emodb-quick-none+local-")
    assert name_of(plan("none", "local", "component", "quantum")) == name_of(plan("all"))


def test_the_same_plan_has_the_same_name_however_it_is_typed() -> None:
    name = name_of(with_settings(ema_decay="0.98"))
    assert name_of(with_settings(ema_decay="0.980")) == name
    assert name_of(with_settings()) == name
    assert name_of(StudyPlan.model_validate_json(with_settings().model_dump_json())) == name


def test_whatever_moves_a_result_moves_the_name() -> None:
    names = [
        name_of(plan()),
        study_name(plan(), "1" * 32, "cpu"),
        study_name(plan(), DIGEST, "cuda"),
        name_of(plan(seeds=2)),
        name_of(plan(labels=("words",))),
        name_of(plan(overrides={"epochs": "15"})),
        name_of(plan(overrides={"precision": "fp32"})),
        name_of(plan(overrides={"validation": "other_session"})),
    ]
    assert len(set(names)) == len(names)


def test_another_torch_or_results_version_is_another_study() -> None:
    name = name_of(plan())
    assert study_name(plan(), DIGEST, "cpu", installed_torch_version(), RESULTS_VERSION) == name
    assert study_name(plan(), DIGEST, "cpu", "0.0") != name
    assert study_name(plan(), DIGEST, "cpu", results_version=RESULTS_VERSION + 1) != name


def test_the_search_knows_the_swept_settings_that_have_an_effect() -> None:
    points = plan("component", "none", labels=("words",)).points("fp32")
    assert [point_parameters(point) for point in points] == [
        {"attention": "component", "scope": 9, "labels": "words", "seed": 1},
        {"attention": "none", "labels": "words", "seed": 1},
    ]
    (point,) = plan(criterion="cross_entropy").points("fp32")
    assert point_parameters(point) == {"attention": "none", "seed": 1}


def searched(*attentions: str, **others: Any) -> StudyPlan:
    return plan(*attentions, **{"recipe": "extended"} | others)


def test_a_search_knows_no_point_before_it_begins() -> None:
    of = searched("all", trials=7, seeds=3)
    assert of.points("fp32") == ()
    assert of.size == 21
    assert plan("quantum", seeds=3).size == 9


def test_what_the_user_fixes_or_narrows_is_searched_no_more() -> None:
    assert searched("all").space is not None
    of = searched(
        "none", "local", scopes=(5,), labels=("words",), overrides={"learning_rate": "2e-3", "dropout": "off"}
    )
    assert of.space is not None
    assert not {"learning_rate", "dropout"} & set(of.space.dimensions)
    expected = {"attention": ("none", "local"), "scope": (5,), "labels": ("words",)}
    assert {name: dimension.values for name, dimension in of.space.dimensions.items() if name in expected} == expected  # type: ignore[union-attr]
    assert (of.base("fp32").learning_rate, of.base("fp32").dropout) == (2e-3, None)


def test_a_bad_weight_of_the_joint_criterion_is_refused_without_it() -> None:
    with pytest.raises(ConfigurationError, match="joint_ctc_weight: Input should be a valid number"):
        plan("none", overrides={"joint_ctc_weight": "half"})


def test_a_joint_criterion_sweeps_label_strategies() -> None:
    points = plan("none", criterion="joint").points("fp32")
    assert [(point.labels, point.joint_ctc_weight) for point in points] == [
        ("words", 0.5),
        ("phonemes", 0.5),
        ("phonemes_x2", 0.5),
    ]
    assert {plan("none", criterion=criterion).has_targets for criterion in ("ctc", "joint")} == {True}
    assert not plan("none", criterion="cross_entropy").has_targets


@pytest.mark.parametrize("attention", ["none", "local", "component", "quantum"])
@pytest.mark.parametrize("criterion", ["ctc", "cross_entropy", "joint"])
def test_a_points_parameters_give_the_point_back(attention: str, criterion: str) -> None:
    of = searched(attention, criterion=criterion, seeds=2)
    changes = {"dropout": 0.3, "learning_rate": 1.23e-4, "cells": 64, "seed": 2}
    point = of.base("bf16").model_copy(update=changes)
    assert of.configuration(of.parameters(point), "bf16") == point
    grid = plan(attention, criterion=criterion, seeds=2)
    assert [grid.configuration(grid.parameters(point), "bf16") for point in grid.points("bf16")] == [
        *grid.points("bf16")
    ]


def test_more_trials_are_the_same_search() -> None:
    name = name_of(searched("all"))
    assert name.startswith("emodb-extended-all-")
    assert name_of(searched("all", trials=99)) == name
    others = [
        searched("all", seeds=2),
        searched("all", pruner="none"),
        searched("all", scopes=(3, 5)),
        searched("all", overrides={"cells": "128"}),
        searched("all", overrides={"epochs": "3"}),
        searched("all", criterion="cross_entropy"),
    ]
    assert len({name, *(name_of(other) for other in others)}) == 1 + len(others)


def test_searches_that_fix_other_readings_have_other_names() -> None:
    choices = [{}, {"component_score": "dense"}, {"component_score": "window"}, {"quantum_states": "unit"}]
    names = {name_of(searched("all", overrides=choice)) for choice in choices}
    assert len(names) == len(choices)
    # A reading that none of the attentions has is no difference.
    assert name_of(searched("local", overrides={"quantum_states": "unit"})) == name_of(searched("local"))


def test_studies_from_before_quantum_states_keep_their_names() -> None:
    raw = {"quantum_states": "raw"}
    # As the recipe was then.
    quick = {"cells": "128", "dropout": "off", "batch_size": "32", "epochs": "16", "selection": "last"}
    names = [
        plan("quantum", overrides=quick | raw),
        plan("all", overrides=quick | raw),
        plan("local", overrides=quick),
        searched("local"),
        searched("quantum", overrides=raw),
        searched("all", overrides=raw),
    ]
    # Names by the code before there was the setting.
    assert [study_name(of, DIGEST, "cpu", "2.13.0", 3).rsplit("-", 1)[1] for of in names] == [
        "7a9149ee",
        "a45ec517",
        "1f5d6ce4",
        "10593de1",
        "39727add",
        "6f254b4a",
    ]


def test_a_stored_plan_without_later_settings_is_read_as_it_was() -> None:
    content = plan("quantum", overrides={"quantum_states": "raw"}).model_dump(mode="json")
    del content["settings"]["quantum_states"]
    stored = StudyPlan.model_validate(content)
    assert {point.quantum_states for point in stored.points("fp32")} == {"raw"}
    assert "--set quantum_states=raw" in study_command(stored, None)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"trials": 9}, "--trials applies to recipe 'extended' only; recipe 'quick' trains its full grid"),
        ({"pruner": "median"}, "--pruner applies to recipe 'extended' only; recipe 'quick' trains its full grid"),
        ({"pruner": "wilcoxon"}, "--pruner applies to recipe 'extended' only"),
        ({"recipe": "extended", "trials": 0}, "--trials must be 1 or more, got 0"),
        ({"recipe": "extended", "pruner": "best"}, "unknown pruner 'best'; valid: none, median, wilcoxon"),
    ],
)
def test_a_bad_search_is_one_line(choice: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan("none", **choice)
    assert str(caught.value).startswith(message)


def test_a_grid_may_say_that_nothing_prunes_it() -> None:
    assert plan("none", pruner="none") == plan("none")
