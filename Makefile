# Two commands do everything on a fresh machine, each in its own .venv: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SOURCES := neuedge_nir targets passes models tests docs

.PHONY: demo test test-all lint format bench docs clean

# The compiler alone: no torch.
$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

# torch first and pinned: what needs torch later would otherwise pull a build with gigabytes of CUDA.
$(VENV)/.dev: $(VENV)/.core
	$(PIP) torch
	$(PIP) -e '.[train,fast,docs]' build editables hatchling hypothesis mypy pytest pytest-xdist ruff snntorch
	touch $(VENV)/.docs $@

demo: $(VENV)/.core
	$(BIN)/neuedge-nir models export digits $(VENV)/digits.nir
	$(BIN)/neuedge-nir compile $(VENV)/digits.nir --target loihi2

lint: $(VENV)/.dev
	$(BIN)/ruff check $(SOURCES) benchmarks
	$(BIN)/ruff format --check $(SOURCES) benchmarks
	$(BIN)/mypy $(SOURCES)

test: lint
	$(BIN)/python -m pytest -q -n auto

test-all: lint
	EVERY_EXAMPLE=1 $(BIN)/python -m pytest -q -n auto --dist loadgroup -m ''

format: $(VENV)/.dev
	$(BIN)/ruff check --fix $(SOURCES) benchmarks
	$(BIN)/ruff format $(SOURCES) benchmarks

# The site into site/, nothing fetched. What Material says of its own future is no warning of ours. With --quiet a warning
# would not fail it.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(VENV)/.docs: $(VENV)/.core
	$(PIP) -e '.[docs]'
	touch $@

bench: $(VENV)/.core
	$(BIN)/python benchmarks/compile_time.py
	$(BIN)/python benchmarks/read_time.py

clean:
	rm -rf $(VENV) .venv-frameworks dist build site
