"""Where folds are computed: one file an executor behind `base.Executor`."""
