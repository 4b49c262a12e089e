"""`make bench`; see `benchmarks.suite`."""

if __name__ == "__main__":
    # Only here: processes that are measured import this module, too, and should start as a worker does.
    import typer

    from benchmarks.suite import main

    typer.run(main)
