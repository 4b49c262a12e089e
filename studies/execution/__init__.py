"""Executors of folds: one file per executor, behind `base.Executor`."""
