# make demo   a federation of four real machines on this one, configured and applied; then what to try next
# make test   every test; those on lab nodes where root and Linux allow
# make lint   ruff, mypy, salt-lint, yamllint
# make bench  the same work by mip-salt, ssh, pyinfra, salt-ssh and Ansible on the same nodes, into docs/benchmarks.md;
#              as root, 40 minutes on a machine that does nothing else; BENCH="--help" tells its options
# make clean-demo   remove the demo federation and its machines
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo clean-demo test lint bench clean

demo: $(VENV)/.done
	@PATH="$(abspath $(BIN)):$$PATH" docs/demo

clean-demo: $(VENV)/.done
	@PATH="$(abspath $(BIN)):$$PATH" docs/demo remove

test: $(VENV)/.done
	@PATH="$(abspath $(BIN)):$$PATH" nox -s lint types tests

lint: $(VENV)/.done
	@PATH="$(abspath $(BIN)):$$PATH" nox -s lint types

bench: $(VENV)/.done
	@PATH="$(abspath $(BIN)):$$PATH" PYTHONPATH=tests $(BIN)/python -m bench --page docs/benchmarks.md $(BENCH)

$(VENV)/.done: pyproject.toml .ci/prepare
	@.ci/prepare
	@echo "Installing mip-salt into $(VENV) (a minute or so the first time) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,lint,docs]' nox
	@touch $@

clean:
	rm -rf $(VENV) .nox .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
