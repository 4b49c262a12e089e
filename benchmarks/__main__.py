"""Command of `make bench`; see `benchmarks.suite`."""

if __name__ == "__main__":
    # Imported here, since measured processes import this module, too, and must start as a worker does.
    import typer

    from benchmarks.suite import main

    typer.run(main)
