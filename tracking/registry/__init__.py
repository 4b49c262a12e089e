"""MLflow's Model Registry: models that studies made, as versions with an alias."""
