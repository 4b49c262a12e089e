"""Body of `ser model evaluate`."""

from ser.corpora.loading import load_corpus
from studies.cli.arguments import open_home, parse_key_values
from studies.cli.model.commands import EvaluateOptions
from studies.cli.terminal.console import Console
from studies.cli.terminal.cross_table import print_evaluation
from studies.cli.terminal.progress import StudyDisplay, print_message
from studies.models.evaluation import evaluate_model
from studies.models.mlflow_records import log
from studies.models.opening import open_model
from tracking.results.evaluations import EvaluationStore


def evaluate(options: EvaluateOptions) -> None:
    """Score a model on a corpus, and print, save and log the scores.

    Raises:
        SerError: There is no model or corpus, they have no two classes in common, or the model was trained on it.
    """
    home = open_home(options)
    names = parse_key_values("--map", options.map or [])
    corpus_options = parse_key_values("--corpus-set", options.corpus_set or [])
    with StudyDisplay() as display:
        model = open_model(home, options.model, options.encoder, print_message)
        progress = display.progress_bar("reading the corpus")
        corpus = load_corpus(options.corpus, options.root, progress, corpus_options)
        evaluation = evaluate_model(model, corpus, names, display.progress_bar("recognising emotions"))
    path = EvaluationStore(home.evaluations).put(evaluation)
    print_evaluation(evaluation)
    console = Console()
    console.print(f"saved: {path}", soft_wrap=True, highlight=False, markup=False)
    console.print("all evaluations: ser report --cross", highlight=False)
    log(home, evaluation, print_message)
