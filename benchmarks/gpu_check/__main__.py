"""Command of `make gpu-check`; see `benchmarks.gpu_check.command`."""

if __name__ == "__main__":
    # Imported here, since measured processes import this module, too, and must start as a worker does.
    import typer

    from benchmarks.gpu_check.options import main

    typer.run(main)
