"""Name of a study: what its plan sweeps in words, and a short digest of everything that makes it another study."""

from typing import Any, get_args

from ser.config import LATER_SETTINGS, AttentionName, digest_of
from ser.identity import RESULTS_VERSION, installed_torch_version
from studies.planning.option_values import front_end_words
from studies.planning.plan import StudyPlan
from studies.planning.recipes import recipe_named


def study_name(
    plan: StudyPlan,
    corpus_digest: str,
    device_type: str,
    torch_version: str | None = None,
    results_version: int | None = None,
) -> str:
    """Return a study's name, which is the same for the same plan on the same data, device and versions.

    The number of trials of a search is not part of it: with more trials, the same study continues.

    Args:
        plan: The plan.
        corpus_digest: Digest of the corpus.
        device_type: 'cpu' or 'cuda'.
        torch_version: Version of torch that trains it; None for the one that is installed.
        results_version: Version of the code's results that it is of; None for this code's.

    Returns:
        Corpus, recipe, attentions, front ends where they are swept, and a short digest of all other options.
    """
    content: dict[str, Any] = {
        "points": [point.digest_content() for point in plan.points("fp32")],
        "precision": plan.precision,
        "folds": plan.folds,
        "corpus": corpus_digest,
        "device": device_type,
        "torch": installed_torch_version() if torch_version is None else torch_version,
        "results_version": RESULTS_VERSION if results_version is None else results_version,
    }
    if plan.space is not None:
        base = plan.base("fp32").digest_content()
        content |= {"base": base, "space": plan.space.model_dump(mode="json"), "seeds": list(plan.seeds)}
        content |= {"pruner": plan.pruner} | _fixed_beside_base(plan)
    if plan.front_ends:
        front_ends = [[choice.settings.label, choice.settings.digest_content()] for choice in plan.front_ends]
        content |= {"front_ends": front_ends, "front_end_settings": plan.front_end_settings}
    digest = digest_of(content)
    attentions = "all" if len(plan.attentions) == len(get_args(AttentionName)) else "+".join(plan.attentions)
    words = [plan.corpus_name, plan.recipe, attentions, *front_end_words(plan.front_ends), digest[:8]]
    return "-".join(words)


def _fixed_beside_base(plan: StudyPlan) -> dict[str, Any]:
    """Return settings that a search fixes to other values than its recipe, and that its base does not show.

    The base is of the first attention, where the settings of the others are null.
    """
    searched = {} if plan.space is None else plan.space.dimensions
    base, defaults = plan.base("fp32"), recipe_named(plan.recipe).settings_for(plan.corpus) | LATER_SETTINGS
    hidden = {
        name: value
        for name, value in plan.settings.items()
        if name not in searched
        and value != defaults.get(name)
        and getattr(base, name, value) is None
        and value is not None
        and plan.has_effect(name)
    }
    return {"fixed": hidden} if hidden else {}
