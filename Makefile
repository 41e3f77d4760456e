# `make demo` and `make test` install everything they need in .venv; they only require Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
VERIFY := .venv-verify/bin
WHEEL := .venv-wheel/bin

.PHONY: demo test test-wheel lint views bench torture verify-encoders verify-statistics test-hub clean

demo: .venv/demo.done
	$(BIN)/python demo/demo.py $(if $(PHOTOS),--photos "$(PHOTOS)")

test: .venv/test.done
	$(BIN)/python -m pytest -n auto --cov --cov-report=term

lint: .venv/lint.done
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/mypy tests/typing

# Builds the wheel, installs it in a clean environment, and tests what users get: a program on the public interface is
# type-checked and run, and the fast tests pass.
test-wheel: .venv-wheel/wheel.done
	$(WHEEL)/python -c 'import lookalike, sys; sys.exit("site-packages" not in lookalike.__file__)'
	$(WHEEL)/mypy --config-file= --strict tests/typing
	$(WHEEL)/python -m pytest -n auto -m 'not slow and not hub' -p no:cacheprovider

# Pictures of every view of the page on a phone, a tablet and a screen, light and dark, in the folder build/views.
views: .venv/test.done
	LOOKALIKE_VIEWS=build/views $(BIN)/python -m pytest -q tests/web/test_page.py -k every_view

bench: .venv/test.done
	$(BIN)/python -m benchmarks

# Kills, power cuts, failing disks and damaged files by the thousand; takes about an hour. make torture TORTURE="kills --seed 2"
torture: .venv/test.done
	PYTHONPATH=tests $(BIN)/python -m torture $(TORTURE)

# Compares real weights from the Hugging Face hub with published embeddings; skipped if the hub can't be reached.
test-hub: .venv/test.done
	$(BIN)/python -m pytest -m hub

# The reference implementations need torch, which is large, so they have a separate environment. IMAGES is a
# folder of at least fifty photos.
IMAGES ?= $(firstword $(wildcard $(LOOKALIKE_DATA)/catdog ../shared/data/catdog))

verify-encoders: .venv-verify/verify.done
	$(VERIFY)/python tools/verify_encoders.py $(IMAGES)

# Simulates the coverage of the intervals and the error rate of the paired test.
verify-statistics: .venv/test.done
	$(BIN)/python tools/verify_statistics.py

# One target per extra in pyproject.toml: installed once, and again when pyproject.toml changes.
.venv/%.done: pyproject.toml | .venv
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	$(BIN)/python -m pip install --quiet --no-deps --group photos
	@touch $@

.venv/demo.done: pyproject.toml | .venv
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/python -m pip install --quiet --no-deps --group photos
	@touch $@

# Made anew each time, so that nothing of an older wheel is left.
.venv-wheel/wheel.done: FORCE
	rm -rf .venv-wheel
	$(PYTHON) -m venv .venv-wheel
	$(WHEEL)/python -m pip install --quiet --upgrade pip build
	$(WHEEL)/python -m build --wheel --outdir .venv-wheel/dist
	$(WHEEL)/python -m pip install --quiet "$$(echo .venv-wheel/dist/*.whl)[test,raw]" mypy
	$(WHEEL)/python -m pip install --quiet --no-deps --group photos
	@touch $@

FORCE:

# The constraints select the CPU build of torch. If pip doesn't find it, set PIP_EXTRA_INDEX_URL as described in
# tools/verify-constraints.txt.
.venv-verify/verify.done: pyproject.toml tools/verify-constraints.txt
	$(PYTHON) -m venv .venv-verify
	$(VERIFY)/python -m pip install --quiet --upgrade pip
	$(VERIFY)/python -m pip install --quiet --constraint tools/verify-constraints.txt --editable '.[onnxruntime]' \
	  torch torchvision open_clip_torch timm transformers safetensors efficientnet-lite-pytorch
	@touch $@

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Lookalike needs Python 3.11 or newer. To use another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

clean:
	rm -rf .venv .venv-verify .venv-wheel demo/photos demo/galleries demo/results.html .coverage* htmlcov
