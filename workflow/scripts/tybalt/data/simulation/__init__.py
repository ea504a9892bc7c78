"""Data with planted structure, in the formats of the real sources."""
