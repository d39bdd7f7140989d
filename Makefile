# The two commands of a fresh machine: `make run` and `make test`. Each does `make setup` first.
PYTHON ?= python3
BIN := .venv/bin
LAB ?= lab

.PHONY: setup run test lock translations clean
.DEFAULT_GOAL := run

setup: .venv/.ready

# The environment is rebuilt when the lock file or the package's metadata change, and only then.
.venv/.ready: requirements.lock setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Start a lab with sample exports pushed through; ONCE=1 ends after the table.
run: setup
	$(BIN)/hub lab demo --dir $(LAB) $(if $(ONCE),--once)

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto --dist loadfile

# After a change of setup.cfg: pin everything anew, with hashes.
lock:
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --strip-extras --allow-unsafe --extra dev --output-file requirements.lock setup.cfg

# After a change of hub/locale/*/LC_MESSAGES/hub.po: what the programs read.
translations: setup
	$(BIN)/pybabel compile --directory hub/locale --domain hub

clean:
	rm -rf .venv build *.egg-info
