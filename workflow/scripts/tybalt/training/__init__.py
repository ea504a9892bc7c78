"""Build, train, score and keep one model."""
