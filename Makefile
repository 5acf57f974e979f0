# One verb per need. `make` alone lists them.
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.installed
# Shared libraries that Qt and OpenCV want on Debian-like systems.
LIBRARIES := libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libglib2.0-0 \
	libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 \
	libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 fonts-dejavu-core
TEST_OPTIONS ?= -n 2 -q

.PHONY: help setup libraries demo run test check format clean

help:  ## list the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ -/' | sort

setup: libraries $(STAMP)  ## virtual environment with pinned dependencies

libraries:
	@sh resources/setup/install_libraries.sh $(LIBRARIES)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || sh resources/setup/install_libraries.sh --venv $(VENV) $(PYTHON)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[model,app,metrics,training,dev]'
	@touch $(STAMP)

demo: setup  ## run the model on the sample clip: masks, identities, JSON, overlay video, picture
	$(BIN)/stmask demo --out demo-output

run: setup  ## open the window
	$(BIN)/python main.py

test: setup  ## the whole test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TEST_OPTIONS)

check: setup  ## style, types, import arrows: under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/architecture

format: setup  ## rewrite the source in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the other verbs made
	rm -rf $(VENV) demo-output build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
