"""Check of the path of a GPU: whether it is right, and how fast (`make gpu-check`)."""
