"""Text files of other sites, read as streams."""
