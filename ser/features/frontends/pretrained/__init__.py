"""Front end of pretrained speech encoders, read by the package `transformers`."""
