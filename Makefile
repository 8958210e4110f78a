# Everything is installed into .venv. A stamp file in it says what for, so that nothing is
# installed twice; a changed pyproject.toml makes the stamps old.
#
#   make gate   judge this repository by its own gate      make lint   ruff and mypy
#   make test   the whole test suite                       make rigs   the real tools around it
#   make docs   write docs/cli.md and docs/topics.md       make fuzz   attack the sandbox for 30 min
#   make picture   write docs/picture.svg from a real run
#   make lock   renew the container's Python packages: versions and hashes
#   make PYTHON=python3.12 ...   with another Python
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: gate test lint rigs docs picture lock fuzz

gate: .venv/installed
	$(BIN)/rlm-gate check --all --offline

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mkdocs build --quiet --strict --site-dir $(CURDIR)/.venv/site

rigs: .venv/installed-dev .venv/rigs/installed
	$(BIN)/python -m pytest -o python_files='rig_*.py' tests/rigs

fuzz: .venv/installed-dev
	$(BIN)/python tests/escape/fuzz.py --minutes 30

docs: .venv/installed-dev
	$(BIN)/python tests/cli_page.py > docs/cli.md
	$(BIN)/python tests/topic_page.py > docs/topics.md

picture: .venv/installed-dev
	$(BIN)/python tests/picture.py

LOCK := .venv/rigs/bin/uv pip compile --quiet --upgrade --generate-hashes --python-version 3.13 \
  --no-header --no-annotate
lock: .venv/rigs/installed
	$(LOCK) --extra gemini --extra openai --extra zizmor \
	  --output-file container/requirements.txt pyproject.toml
	echo hatchling | $(LOCK) --output-file container/build.txt -

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 16))' || { \
	  echo "$(PYTHON) is no Python 3.11 to 3.15; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) can't make environments; on Debian and Ubuntu: apt install python3-venv" >&2; \
	  exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: .venv/made pyproject.toml
	$(PIP) --editable .
	@touch $@

# The first stamp too: what the gate needs is part of what its development needs.
.venv/installed-dev: .venv/made pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch .venv/installed $@

# Tools that judge us live in an environment of their own: none may change what the gate finds.
.venv/rigs/installed: .venv/made tests/rigs/requirements.txt tests/rigs/npm.txt tests/rigs/ray.txt
	$(PYTHON) -m venv .venv/rigs
	.venv/rigs/bin/python -m pip install --quiet --disable-pip-version-check \
	  --requirement tests/rigs/requirements.txt
	$(PYTHON) -m venv .venv/rigs/ray
	.venv/rigs/ray/bin/python -m pip install --quiet --disable-pip-version-check \
	  --editable . --requirement tests/rigs/ray.txt
	@if command -v npm >/dev/null; then \
	  npm install --prefix .venv/rigs/npm --ignore-scripts --no-audit --no-fund --no-save --silent \
	    $$(cat tests/rigs/npm.txt); \
	else echo "no npm here: the rigs that need it are skipped" >&2; fi
	@touch $@
