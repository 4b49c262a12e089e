"""`make bench`; see `benchmarks.bench`."""

if __name__ == "__main__":
    # Only here: processes that are measured import this module, too, and should start as a worker does.
    import typer

    from benchmarks.bench import main

    typer.run(main)
