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

.PHONY: help install run test check bench bench-cache bench-lens bench-evaluate oracles prove-resume stress-cache \
	soak-cache train tables

help:
	@echo "make run      install into .venv and serve the app on 127.0.0.1 (GRADIO_SERVER_PORT chooses the port)"
	@echo "make test     install what tests need, Chromium included, and run all tests"
	@echo "make check    linter, types, import rules, generated tables, Dockerfile, workflow"
	@echo "make bench    measure the app against a bare generate loop, and the model cache against from_pretrained"
	@echo "make bench-lens     hold the lens's maps against known evidence, and measure what looking costs"
	@echo "make bench-evaluate measure evaluations against a plain loop and lmms-eval, and the statistics of a large set"
	@echo "make oracles  hold statistics and trackers against inspect_ai and the trackers' readers, in .venv-oracles"
	@echo "make prove-resume   kill an evaluation half-way, resume it, and count what was computed twice"
	@echo "make stress-cache   ask six checkpoints in memory for two, from 24 threads; then kill servers while they load"
	@echo "make soak-cache     swap models 500 times and compare the memory"
	@echo "make train    train the embedded checkpoints again, from a seed"
	@echo "make tables   rewrite the generated tables of README.md"
	@echo "make install  install only"
	@echo "PYTHON=...    the interpreter that .venv is made with: 3.10 to 3.13"

install: $(INSTALLED)

run: $(INSTALLED)
	$(BIN)/python app.py

test: $(DEVELOPED)
	CHROMIUM="$$(.ci/chromium install)" $(BIN)/python -m pytest

check: $(DEVELOPED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/microscope tables --check
	$(BIN)/hadolint Dockerfile
