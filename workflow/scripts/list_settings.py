"""List the best settings of a search on a page."""

from tybalt.adapter import run
from tybalt.settings_list import list_settings

run(list_settings, snakemake)
