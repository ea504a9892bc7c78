"""HTML pages and AnnData files to share."""
