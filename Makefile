# Each target creates the virtual environment that it needs.
#   make demo           the examples in JupyterLab with a local issuer; without a display it plays the user itself
#   make lab            the same, always interactive
#   make test           all tests, two files at a time (a real Chromium and an independent provider among them)
#   make test-long      the tests marked long, in full, those of the tests' own harness, and test-libraries
#   make test-libraries the recipes of docs/guide/your-library.md, each with its library, in a large environment
#   make test-ipython   the magics on older IPythons
#   make check          format, lint, types, layers, docs, examples
#   make docs           the documentation as a site, in build/site
#   make pages          generates the pages from the code and from measurements
#   make format         rewrites code that `check` would refuse
#   make bench          the time of a sign-in, compared with other libraries; writes docs/performance.md
#   make bench-api      the fruit service compared with Bottle, Flask and FastAPI (needs wrk); writes docs/performance.md
#   make picture        takes the pictures of the documentation again
#   make dist           wheel and source distribution, in dist/
#   make lock           the newest packages of the images, with hashes; writes fruit_service/requirements.txt
#   make audit          known vulnerabilities of what the lock files name; fails if the advisories cannot be read
#   make clean          removes all that these targets created
#   make help           this list

PYTHON ?= python3
IPYTHONS := 7.34 8.39
# The oldest ipykernel that setup.cfg allows, and the newest 6; `make test` has the newest of all.
IPYKERNEL-7.34 := 6.17
IPYKERNEL-8.39 := 6

# Test files run two at a time; `make test WORKERS=0` runs one after the other. The order stays that of the folders: the
# longest files come first, so that no worker is left with a long one at the end.
WORKERS := 2
IN_PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# The tests that `check` runs.
CHECKED := layers docs examples

# The extras of the images.
IMAGE_EXTRAS := service postgresql metrics

BIN := .venv/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
SOURCES := setup.cfg setup.py pyproject.toml

.PHONY: demo lab test test-long test-libraries test-ipython check docs pages format bench bench-api picture dist lock audit clean help
.PRECIOUS: .venv-ipython-%/ready

demo: .venv/ready
	$(BIN)/python -m examples.demo

lab: .venv/ready
	$(BIN)/python -m examples.demo --lab

picture: .venv/ready
	$(BIN)/python $(PIP_INSTALL) --editable '.[pictures]'
	$(BIN)/python -m examples.camera

# What `check` has run in the same call of make, as in .ci/run, is not run again.
test: .venv/ready
	$(BIN)/python -m pytest $(IN_PARALLEL) $(if $(filter check,$(MAKECMDGOALS)),$(CHECKED:%=--ignore=tests/test_%.py))

test-long: .venv/ready test-libraries
	$(BIN)/python -m pytest -m 'long or harness' --long

test-libraries: .venv-libraries/ready
	.venv-libraries/bin/python -m pytest --libraries tests/test_your_library.py

test-ipython: $(IPYTHONS:%=test-ipython-%)

# What knows no IPython is the same on each.
NO_IPYTHON := arrivals auth0 browser challenge check clear_text code command_line command_line_kept command_line_profiles \
	command_line_terminal dask dask_day dask_message dask_worker device discovery dotenv_file environment httpx id_token implicit \
	jupyter_handoff listener markup messages mix_up mlflow_auth params peer placeholders profiles protected_resource provider renewal \
	renewal_mishaps several_sign_ins sign_in sockets store_file store_keyring store_lock store_record store_warns_in_time threads tls \
	token_response token_search userinfo working_day

test-ipython-%: .venv-ipython-%/ready
	.venv-ipython-$*/bin/python -m pytest $(IN_PARALLEL) tests/magic $(NO_IPYTHON:%=--ignore=tests/magic/test_%.py)

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(CHECKED:%=tests/test_%.py)

docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo 'The site: build/site/index.html'

pages: .venv/ready
	$(BIN)/python docs/options.py
	$(BIN)/python -m tests.bench.page

format: .venv/ready
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: .venv/bench-ready
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.page

bench-api: .venv/bench-api-ready
	$(BIN)/python -m bench
	$(BIN)/python -m tests.bench.page

# The list at the top, which is the only one.
help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

# What an older list of files named would be taken along: `egg-info` goes first.
dist: .venv/dist-ready
	rm -rf dist *.egg-info
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# For every Python and system that `python_requires` allows, so that the images may be built on any. uv writes no address
# of a registry.
lock: .venv/audit-ready
	UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes $(IMAGE_EXTRAS:%=--extra %) --output-file fruit_service/requirements.txt setup.cfg

audit: .venv/audit-ready
	$(BIN)/python -m tests.support.audit

clean:
	rm -rf .venv .venv-ipython-* .venv-libraries build dist *.egg-info demo-output test-output
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/support/*/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: $(SOURCES)
	$(call make_venv,.venv)
	@echo '.venv: installing the package, JupyterLab and the tools of the tests. That takes some minutes, and 900 MB.'
	$(BIN)/python $(PIP_INSTALL) --editable '.[service,test,dev,docs]'
	# An editable installation leaves out the file that enables the server extension.
	mkdir -p .venv/etc/jupyter/jupyter_server_config.d
	cp ipyauth_magic/callback/jupyter_server_config.d/*.json .venv/etc/jupyter/jupyter_server_config.d/
	@echo '.venv: ready. It is made again only if setup.cfg, setup.py or pyproject.toml change.'
	touch $@

.venv/bench-ready: .venv/ready
	$(BIN)/python $(PIP_INSTALL) --editable '.[bench]'
	touch $@

.venv/bench-api-ready: .venv/ready
	$(BIN)/python $(PIP_INSTALL) --editable '.[bench-api]'
	touch $@

.venv/dist-ready: .venv/ready
	$(BIN)/python $(PIP_INSTALL) --editable '.[dist]'
	touch $@

.venv/audit-ready: .venv/ready
	$(BIN)/python $(PIP_INSTALL) --editable '.[audit]'
	touch $@

.venv-ipython-%/ready: $(SOURCES)
	$(call make_venv,.venv-ipython-$*)
	.venv-ipython-$*/bin/python $(PIP_INSTALL) --editable '.[test-ipython]' 'ipython==$*.*' 'ipykernel==$(IPYKERNEL-$*).*'
	touch $@

# The libraries bring hundreds of packages, which none of the other tests should see.
.venv-libraries/ready: $(SOURCES)
	$(call make_venv,.venv-libraries)
	.venv-libraries/bin/python $(PIP_INSTALL) --editable '.[libraries]'
	touch $@

# Makes the virtual environment $(1) with $(PYTHON), or with a newer one where that is older than 3.11. Debian keeps
# `venv` in a package of its own.
define make_venv
@set -eu; found=; \
for python in '$(PYTHON)' python3.14 python3.13 python3.12 python3.11; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
done; \
if [ -z "$$found" ]; then \
	echo 'ipyauth-magic needs Python 3.11 or newer, and there is none: install one, or name it: make PYTHON=/path/to/python3' >&2; \
	exit 1; \
fi; \
if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	apt-get update -qq; \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null; \
fi; \
if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	echo "$$found cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)" >&2; \
	exit 1; \
fi; \
echo "$(1): a virtual environment of $$("$$found" --version)"; \
"$$found" -m venv '$(1)'
endef
