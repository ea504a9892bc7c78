"""Snakemake's side of a job: arguments, staging, logs, checkpoints, provenance, small files."""
