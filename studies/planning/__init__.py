"""What a user asks for: plans, recipes and search spaces."""
