"""Python interface: a study is run, and its decisions are read, as by the command line."""
