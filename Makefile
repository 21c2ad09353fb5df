# Every target does its own set-up in .venv, once; it is done again only when the locked packages change.

RUN_LIBRARIES := libportaudio2 libegl1 libgl1 libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 \
                 libxcb-keysyms1 libxcb-shape0 libwayland-cursor0 libdbus-1-3 libfontconfig1
TEST_PROGRAMS := pulseaudio pulseaudio-utils libasound2-plugins xvfb xdotool flite chromium

BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
# What is installed is locked with hashes; the program itself is linked, without looking for anything more.
LOCKED := install --no-deps --require-hashes --requirement
SELF := install --no-deps --no-build-isolation --editable .

# Rooms whose tests need no device, no program and no second process, and the layers: the most for the least time.
FAST_TESTS := tests/test_layers.py tests/test_bundle.py tests/engine/face tests/engine/hearing tests/engine/test_media.py \
              tests/engine/test_checkpoint.py tests/app/session tests/app/files tests/app/capacity tests/app/library/test_pipeline.py

.PHONY: help demo check test lint format setup lock app clean

help:
	@echo 'make demo    a shipped portrait speaks a shipped sentence: a window, or files in out/ where there is no display'
	@echo 'make check   lint, types and the fast tests, in about a minute'
	@echo 'make test    lint, types and all tests'
	@echo 'make lint    lint and types only'
	@echo 'make format  format the code'
	@echo 'make app     the application as one folder, dist/liveface, that needs no Python'
	@echo 'make lock    the locked packages in requirements/ anew (UPGRADE=--upgrade takes newer ones); needs uv'
	@echo 'make setup   only the set-up that make demo needs'
	@echo 'make clean   remove everything that can be made again, the environment included'

demo: setup
	@$(BIN)/liveface demo

check: lint
	$(BIN)/python -m pytest -q $(FAST_TESTS)

test: lint
	$(BIN)/python -m pytest

lint: .venv/.stamp-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	scripts/link_packages.sh
	$(BIN)/mypy

format: .venv/.stamp-test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

setup: .venv/.stamp-run

# build.spec leaves out what only development needs. scripts/test_app.sh tries the result.
app: .venv/.stamp-app
	@scripts/link_packages.sh
	@PYINSTALLER_CONFIG_DIR=build/cache $(BIN)/pyinstaller --noconfirm --log-level WARN build.spec
	@echo 'dist/liveface: start liveface in it, or put it into your menu with install.sh.'

lock:
	scripts/lock.sh $(UPGRADE)

clean:
	rm -rf .venv build dist out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find app assets engine liveface scripts tests ui -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp-venv: scripts/find_python.sh
	@python=$$(scripts/find_python.sh) && \
	{ "$$python" -c 'import ensurepip' 2>/dev/null || scripts/install_system_packages.sh python3-venv; } && \
	"$$python" -m venv .venv
	@touch $@

.venv/.stamp-run: pyproject.toml requirements/run.txt Makefile .venv/.stamp-venv scripts/install_system_packages.sh
	@echo 'Setting up: once, about a minute.'
	@scripts/install_system_packages.sh $(RUN_LIBRARIES)
	@$(PIP) $(LOCKED) requirements/run.txt
	@$(PIP) $(SELF)
	@$(BIN)/liveface compile --backend openvino
	@touch $@

.venv/.stamp-app: .venv/.stamp-run requirements/app.txt
	@$(PIP) $(LOCKED) requirements/app.txt
	@scripts/install_system_packages.sh binutils
	@touch $@

.venv/.stamp-test: .venv/.stamp-run requirements/test.txt requirements/torch.txt scripts/install_torch.py
	@echo 'Setting up the tests: once, some minutes.'
	@scripts/install_system_packages.sh $(TEST_PROGRAMS)
	@$(BIN)/python scripts/install_torch.py
	@$(PIP) $(LOCKED) requirements/test.txt
	@touch $@
