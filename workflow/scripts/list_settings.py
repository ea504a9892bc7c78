"""List the best settings of a search on a page."""

from tybalt.jobs.adapter import run
from tybalt.pages.settings_list import list_settings

run(list_settings, snakemake)
