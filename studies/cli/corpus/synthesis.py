"""Make the demo corpus, and synthetic corpora in the layout of licensed ones."""

import typer

from ser.corpora.synthetic import demo, write_synthetic_corpus
from studies.cli.corpus.commands import DemoOptions, LayoutOptions
from studies.cli.terminal.progress import progress_bar


def make_demo(options: DemoOptions) -> None:
    """Make the demo corpus, and print its folder."""
    root = options.root
    with progress_bar("Speaking the demo corpus") as on_progress:
        demo.make_demo(root, on_progress)
    typer.echo(f"The demo corpus is in {root}. Look at it with: ser corpus check --corpus demo --root {root}")


def make_layout(options: LayoutOptions) -> None:
    """Write a synthetic corpus, and print its folder."""
    layout, root = options.layout, options.root
    with progress_bar("Writing utterances") as on_progress:
        utterances = write_synthetic_corpus(
            layout, options.table, root, options.voice, options.seed, options.decoys, on_progress
        )
    typer.echo(
        f"{utterances} utterances are in {root}. Look at them with: ser corpus check --corpus {layout} --root {root}"
    )
