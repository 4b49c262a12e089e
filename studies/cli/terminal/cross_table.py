"""Tables of evaluations on the terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ser.inference.description import SITUATIONS
from ser.results import CorpusIdentity
from studies.cli.terminal.console import Console
from studies.cli.terminal.text_output import printable
from studies.models.card import format_score
from tracking.results.evaluations import Evaluation


def print_evaluation(evaluation: Evaluation) -> None:
    """Print the scores of a model on a corpus, its confusion matrix, and what was left out."""
    console = Console()

    def say(text: str) -> None:
        console.print(printable(text), soft_wrap=True, highlight=False, markup=False)

    heard = "by the networks that were not trained on the speaker" if evaluation.networks == "unheard" else ""
    say(
        f"{evaluation.model} on corpus {evaluation.test_corpus.name}: {evaluation.utterances} utterances of "
        f"{evaluation.speakers} speakers{', each decided ' + heard if heard else ''}"
    )
    if not evaluation.recordings_compared:
        say(
            "not checked: whether the model was trained on these recordings under other names, which models made by "
            "earlier versions do not record; make the model anew for that"
        )
    for line in _situation_lines(evaluation):
        say(line)
    say(
        f"UA {format_score(evaluation.ua, evaluation.ua_interval)}, WA "
        f"{format_score(evaluation.wa, evaluation.wa_interval)}; in brackets 95% intervals over speakers"
    )
    if evaluation.test_corpus.synthetic or evaluation.training_corpus.synthetic:
        say("one of the corpora is synthetic speech: the scores say nothing about people")
    say(f"classes: {describe_classes(evaluation)}")
    if evaluation.heard_speakers:
        speakers = ", ".join(evaluation.heard_speakers)
        say(f"left out: speakers that all networks heard in training or validation: {speakers}")
    for name, count in evaluation.left_out.items():
        say(f"left out: {count} utterances of class {name}, which the model does not know")
    for name in evaluation.unused_classes:
        say(f"left out: class {name} of the model, which the corpus does not have")
    for name, reason in evaluation.unreadable.items():
        say(f"left out: utterance {name}: {reason}")
    table = Table(box=SIMPLE_HEAD)
    table.add_column("true \\ decided", overflow="fold")
    for name in evaluation.classes:
        table.add_column(printable(name), justify="right", overflow="fold")
    table.add_column("recall", justify="right", min_width=6)
    for name, row, recall in zip(evaluation.classes, evaluation.confusion, evaluation.recalls, strict=True):
        table.add_row(printable(name), *map(str, row), "" if recall is None else f"{100 * recall:.1f}%")
    console.print(table, markup=False)


def _situation_lines(evaluation: Evaluation) -> list[str]:
    """Say what normalised the recordings, where that depends on the speaker."""
    if evaluation.situation != "speaker":
        return []
    lines = []
    strangers = evaluation.situations.get("stranger", 0)
    if strangers < evaluation.utterances:
        lines.append(f"normalised by {SITUATIONS['speaker']}")
    if strangers:
        lines.append(
            f"{strangers} of {evaluation.utterances} utterances normalised by {SITUATIONS['stranger']}, since they are "
            "the only readable ones of their speakers"
        )
    return lines


def describe_classes(evaluation: Evaluation) -> str:
    """Name the classes that were told apart, with those of the corpus that have another name."""
    names = [
        "+".join(source for source, target in evaluation.mapping.items() if target == emotion)
        for emotion in evaluation.classes
    ]
    return ", ".join(
        emotion if name == emotion else f"{emotion} ({name})"
        for emotion, name in zip(evaluation.classes, names, strict=True)
    )


def print_cross_table(evaluations: Sequence[Evaluation]) -> None:
    """Print the UA of every model on every corpus, with the class set in each cell."""
    corpora = {entry.test_corpus.digest: entry.test_corpus for entry in evaluations}
    digests = sorted(corpora, key=lambda digest: (corpora[digest].name, digest))
    table = Table(box=SIMPLE_HEAD, show_lines=True)
    table.add_column("model, trained on", overflow="fold")
    for digest in digests:
        name = corpora[digest].name
        # Two versions of a corpus have the same name.
        several = sum(corpus.name == name for corpus in corpora.values()) > 1
        title = f"on {name} {digest[:8]}" if several else f"on {name}"
        table.add_column(printable(title) + _synthetic(corpora[digest]), overflow="fold")
    models = {(entry.model, entry.weights_sha256): entry for entry in evaluations}
    for key, model in models.items():
        of_model = [entry for entry in evaluations if (entry.model, entry.weights_sha256) == key]
        speakers = "its folds" if model.trained_on == "folds" else "all speakers"
        cells = [
            "\n".join(_cell(entry) for entry in of_model if entry.test_corpus.digest == digest) for digest in digests
        ]
        names = (model.model, f"{model.training_corpus.name}, {speakers}")
        table.add_row("\n".join(map(printable, names)) + _synthetic(model.training_corpus), *cells)
    Console().print(table, markup=False)


def _synthetic(corpus: CorpusIdentity) -> str:
    return "\n(synthetic speech)" if corpus.synthetic else ""


def _cell(evaluation: Evaluation) -> str:
    unheard = ", unheard speakers" if evaluation.networks == "unheard" else ""
    score, _, interval = format_score(evaluation.ua, evaluation.ua_interval).partition(" ")
    classes = printable(f"{len(evaluation.classes)} classes: {describe_classes(evaluation)}{unheard}")
    caution = "" if evaluation.checked_by else "not checked for recordings of the training"
    return "\n".join(line for line in (score, interval, classes, caution) if line)
