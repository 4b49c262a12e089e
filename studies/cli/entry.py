"""Entry point of the command `ser`; it imports nothing slow before it answers Ctrl-C."""

from studies.cli.terminal.interrupts import exit_on_interrupt


def main() -> None:
    """Run the command line."""
    exit_on_interrupt()
    from studies.cli.main import app

    app()
