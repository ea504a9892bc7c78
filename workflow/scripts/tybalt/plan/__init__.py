"""What the config asks for, planned while Snakemake parses (PURE: standard library only)."""
