# make demo    the whole workflow on a simulated cohort, minutes on two cores, no network needed
# make test    every test that a laptop can run
# make help    the rest

PYTHON ?= python3
CORES ?= 2
VENV := .venv
STAMP := $(VENV)/.complete
BIN := $(VENV)/bin

.PHONY: help demo test test-cluster test-cluster-faults lint format docs clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

# The stamp is made last, so an interrupted installation starts again.
$(STAMP): requirements.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

demo: $(STAMP) ## Run every stage on a simulated cohort and write results/report.html
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --profile profiles/local --cores $(CORES) --configfile config/demo.yaml
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --profile profiles/local --cores $(CORES) --configfile config/demo.yaml --report results/report.html
	@echo
	@echo "Worth opening:"
	@echo "  results/report.html                                   every figure with its caption, one file"
	@echo "  results/demo/summary.html                             one page: what was trained, what was found"
	@echo "  results/demo/explorer.html                            all embeddings, to be explored in a browser"
	@echo "  results/demo/figures/leaderboard.png                  all models side by side"
	@echo "  results/demo/figures/gene_embedding.png               the samples, embedded by their genes"
	@echo "  results/demo/demo-vae/grid/figures/embedding.png       the same samples, embedded by the VAE's code"
	@echo "  results/demo/demo-vae/grid/figures/contrast_sex.png    the pair of features that tells the sexes apart"
	@echo "  results/demo/demo-vae/grid/trials.tsv                 every setting tried, best first"

test: $(STAMP) lint ## Check style, then run all tests that a laptop can
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=10 tests

# As root on Debian, these install SLURM, start it on loopback, and end it; elsewhere they skip.
test-cluster: $(STAMP) ## Run the demo on a whole SLURM on this machine
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -m "cluster and not faults" --durations=5 tests/cluster

test-cluster-faults: $(STAMP) ## Kill, starve and restart things on it; an hour
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m pytest -m faults --durations=0 tests/cluster

lint: $(STAMP) ## Check style: ruff, snakefmt, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check --compact-diff Snakefile workflow/rules
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint

format: $(STAMP) ## Put every file into the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

docs: $(STAMP) ## Write the generated parts of config/ and results/README.md, and envs/
	$(BIN)/python tools/documentation.py

clean: ## Remove results (not the downloads) and the environment
	rm -rf $(VENV) .snakemake
	find results -mindepth 1 ! -name README.md -delete
