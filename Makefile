# `make demo` and `make test` set up all they need in .venv; nothing else is asked of a newcomer but Python 3.11+.

PYTHON ?= python3
BIN := .venv/bin
VERIFY := .venv-verify/bin

.PHONY: demo test lint bench verify-encoders verify-statistics test-hub clean

demo: .venv/demo.done
	$(BIN)/python demo/demo.py $(if $(PHOTOS),--photos "$(PHOTOS)")

test: .venv/test.done
	$(BIN)/python -m pytest --cov --cov-report=term

lint: .venv/lint.done
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: .venv/test.done
	$(BIN)/python -m benchmarks

# Golden tests of real weights, which they fetch from the Hugging Face hub; skipped where it can't be reached.
test-hub: .venv/test.done
	$(BIN)/python -m pytest -m hub

# The reference implementations need torch, which is large: they have an environment of their own. PHOTOGRAPHS is a
# folder of fifty or more of them.
PHOTOGRAPHS ?= $(firstword $(wildcard $(LOOKALIKE_DATA)/catdog ../shared/data/catdog))

verify-encoders: .venv-verify/verify.done
	$(VERIFY)/python tools/verify_encoders.py $(PHOTOGRAPHS)

# Coverage of the intervals and rejections of the paired test, simulated; needs nothing but Lookalike.
verify-statistics: .venv/test.done
	$(BIN)/python tools/verify_statistics.py

# One target an extra of pyproject.toml: installed once, and again when pyproject.toml changes.
.venv/%.done: pyproject.toml | .venv
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@

# The constraints name the build of torch for CPUs. Where pip doesn't find it by itself, PIP_EXTRA_INDEX_URL can say where
# it is: tools/verify-constraints.txt tells more.
.venv-verify/verify.done: pyproject.toml tools/verify-constraints.txt
	$(PYTHON) -m venv .venv-verify
	$(VERIFY)/python -m pip install --quiet --upgrade pip
	$(VERIFY)/python -m pip install --quiet --constraint tools/verify-constraints.txt --editable '.[onnxruntime]' \
	  torch torchvision open_clip_torch timm transformers safetensors efficientnet-lite-pytorch
	@touch $@

.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Lookalike needs Python 3.11 or newer; if you have one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

clean:
	rm -rf .venv .venv-verify demo/photos demo/galleries demo/results.html .coverage* htmlcov
