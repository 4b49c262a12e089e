"""Studies whose tracking server answers badly, or whose PostgreSQL is killed: nothing is lost, doubled or told."""
