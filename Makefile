# `make run` and `make test` work in a clean clone; `make help` lists the rest.

PYTHON ?= python3
BIN := .venv/bin
GRADIO := $(shell sed -n '2,/^---$$/s/^sdk_version: *"\{0,1\}\([0-9.]*\).*/\1/p' README.md)

# The very line that the build of a Space runs: what works here has the versions that a Space gets.
SPACE_LINE := -r requirements.txt "gradio[oauth,mcp]==$(GRADIO)" "uvicorn>=0.14.0" "websockets>=10.4" spaces

# A stamp carries the checksum of what it was made from, so an edit elsewhere in README.md installs nothing anew.
KEY := $(shell { echo $(GRADIO); cat requirements.txt pyproject.toml; } | cksum | cut -d ' ' -f 1)
INSTALLED := .venv/.installed-$(KEY)
DEVELOPED := .venv/.developed-$(KEY)

.PHONY: help install run test check bench bench-cache bench-lens bench-evaluate oracles prove-resume prove-docker \
	stress-cache soak-cache workflows train tables

help:
	@echo "make run      install into .venv and serve the app on 127.0.0.1 (GRADIO_SERVER_PORT chooses the port)"
	@echo "make test     install what tests need, Chromium included, and run all tests"
	@echo "make check    linter, types, import rules, generated tables, Dockerfile, workflow"
	@echo "make bench    measure the app against a bare generate loop, and the model cache against from_pretrained"
	@echo "make bench-lens     hold the lens's maps against known evidence, and measure what looking costs"
	@echo "make bench-evaluate measure evaluations against a plain loop and lmms-eval, and the statistics of a large set"
	@echo "make oracles  hold statistics and trackers against inspect_ai and the trackers' readers, in .venv-oracles"
	@echo "make prove-resume   kill an evaluation half-way, resume it, and count what was computed twice"
	@echo "make prove-docker   carry the Dockerfile out in a clean root, start what it made and ask it (as root; debootstrap)"
	@echo "make stress-cache   ask six checkpoints in memory for two, from 24 threads; then kill servers while they load"
	@echo "make soak-cache     swap models 500 times and compare the memory"
	@echo "make workflows      run every command of every workflow in scratch clones, against a loopback Hub and GitHub;"
	@echo "                    WORKFLOWS='--quick --skip-long --only deploy.yml' takes the .venv that is here, and less"
	@echo "make train    train the embedded checkpoints again, from a seed"
	@echo "make tables   rewrite the generated tables of README.md"
	@echo "make install  install only"
	@echo "PYTHON=...    the interpreter that .venv is made with: 3.10 to 3.13"

install: $(INSTALLED)

run: $(INSTALLED)
	$(BIN)/python app.py

test: $(DEVELOPED)
	CHROMIUM="$$(.ci/chromium install)" $(BIN)/python -m pytest --numprocesses 2

check: $(DEVELOPED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/microscope tables --check
	$(BIN)/python -m pytest tests/test_house.py tests/test_repository.py tests/test_workflows.py
	$(BIN)/hadolint Dockerfile
	$(BIN)/zizmor --offline --quiet --pedantic .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

bench: $(INSTALLED) bench-cache bench-lens bench-evaluate
	$(BIN)/python benchmarks/overhead.py

bench-cache: $(INSTALLED)
	$(BIN)/python benchmarks/cache_loads.py

bench-lens: $(INSTALLED)
	$(BIN)/python benchmarks/lens_methods.py
	$(BIN)/python benchmarks/lens_costs.py

bench-evaluate: $(INSTALLED)
	.ci/oracles lmms
	$(BIN)/python benchmarks/evaluate_speed.py
	$(BIN)/python benchmarks/evaluate_scale.py

oracles: $(INSTALLED)
	.ci/oracles

prove-resume: $(INSTALLED)
	$(BIN)/python benchmarks/evaluate_resume.py

stress-cache: $(INSTALLED)
	$(BIN)/python benchmarks/cache_stress.py
	$(BIN)/python benchmarks/cache_kill.py

soak-cache: $(INSTALLED)
	$(BIN)/python benchmarks/cache_soak.py

prove-docker: $(INSTALLED)
	$(BIN)/python benchmarks/prove_docker.py

workflows: $(DEVELOPED)
	PYTHONPATH=. $(BIN)/python benchmarks/workflows.py $(WORKFLOWS)

train: $(INSTALLED)
	$(BIN)/microscope tiny train

tables: $(INSTALLED)
	$(BIN)/microscope tables --write

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "$(PYTHON) is not Python 3.10 to 3.13; name one that is: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || \
		{ echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

$(INSTALLED): | $(BIN)/pip
	$(BIN)/python -m pip install $(SPACE_LINE)
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	$(BIN)/python -m pip install --quiet "detect-secrets>=1.5"
	rm -f .venv/.installed-*
	touch $@

# The tools may change nothing that the Space line gave: its versions are constraints.
$(DEVELOPED): $(INSTALLED)
	$(BIN)/python .ci/constraints.py $(SPACE_LINE) > .venv/constraints.txt
	$(BIN)/python -m pip install --quiet --constraint .venv/constraints.txt --editable ".[dev]"
	rm -f .venv/.developed-*
	touch $@
