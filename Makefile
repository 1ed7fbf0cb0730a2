# Two commands do everything on a machine with Python 3.10 or later, make and git: `make course`
# and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# LANGUAGE may be a variable of the shell that means something else: only `make LANGUAGE=zh` counts.
BOOK_LANGUAGE := $(if $(findstring command,$(origin LANGUAGE)),$(LANGUAGE))
BENCH ?= loaders learner loop tta mixing doodlenette imports
WITHOUT_DATA := doodlenette learner mixing imports rim

# What fastai's own imports say about today's torch and pandas is not about what a reader does.
SILENT := ignore:`torch.jit.script` is deprecated,ignore:The 'mode.chained_assignment' option
export PYTHONWARNINGS := $(SILENT)
# Where this is set, as in many containers, each kernel would compile all libraries anew: 13 s.
unexport PYTHONDONTWRITEBYTECODE
# Idle threads of PyTorch wait a moment, then sleep. By default they wait much longer, and on cores
# that are shared (with DataLoader workers, say) they take the time of those who work: a small
# training step took 1.3 s instead of 0.3 s.
export GOMP_SPINCOUNT := 10000
# Batches and activations are large and soon free again. On Linux, glibc would give that memory
# back each time, and have it cleared for the next batch: crops of 224 px came at 1,900 a second
# instead of 2,800. (Elsewhere these mean nothing.)
export MALLOC_MMAP_THRESHOLD_ := 4294967296
export MALLOC_TRIM_THRESHOLD_ := 17179869184

.PHONY: course test tests-library tests-notebooks tests-book lab times outputs numbers bench book rehearsal lock clean
.DELETE_ON_ERROR:

course: .venv/ready  ## run the book: PROFILE=cpu DATA=folder CHAPTERS="01 02" LANGUAGE=zh JOBS=1
	@$(BIN)/python -m tools.course --profile "$(PROFILE)" --data "$(DATA)" \
	  --chapters "$(CHAPTERS)" --language "$(BOOK_LANGUAGE)" --jobs "$(JOBS)"

test: .venv/ready  ## style, then all at once: the tests; every notebook at the smoke profile
	$(BIN)/ruff check -q
	$(MAKE) -k -j3 tests-library tests-notebooks tests-book

# One thread each: processes that share cores would wait for each other.
tests-library tests-notebooks tests-book: export OMP_NUM_THREADS := 1
# The library and the notebooks take longest: the pages give way.
tests-book: FIRST := nice -n 5

tests-library tests-notebooks tests-book: tests-%: .venv/ready
	$(FIRST) $(BIN)/pytest -q tests/$*

# The Chinese notebooks are written to _zh/; what you have run and changed there stays.
lab: .venv/ready  ## read and run the book in JupyterLab; takes PROFILE, DATA and LANGUAGE too
	$(if $(filter zh,$(BOOK_LANGUAGE)),$(BIN)/python -m tools.translate --write _zh)
	SOTATRAIN_LANGUAGE="$(or $(BOOK_LANGUAGE),$(SOTATRAIN_LANGUAGE))" \
	  SOTATRAIN_PROFILE="$(or $(PROFILE),$(SOTATRAIN_PROFILE))" \
	  SOTATRAIN_DATA="$(or $(abspath $(DATA)),$(SOTATRAIN_DATA))" \
	  $(BIN)/jupyter lab $(if $(filter zh,$(BOOK_LANGUAGE)),_zh,nbs)/index.ipynb

times: .venv/ready  ## record how long the chapters take on this machine: PROFILE=smoke
	@SOTATRAIN_DATA= $(BIN)/python -m tools.course --times \
	  --profile "$(or $(PROFILE),cpu)" --chapters "$(CHAPTERS)"

outputs: .venv/ready  ## run the book at the cpu profile and store what it shows in nbs/
	@SOTATRAIN_DATA= $(BIN)/python -m tools.course --store --profile cpu --chapters "$(CHAPTERS)"

numbers: .venv/ready  ## write the numbers in the texts again, from results/
	@$(BIN)/python -m tools.numbers

bench: .venv/ready  ## measure, and write results/benchmarks/: BENCH="loaders" DATA=folder
	$(foreach name,$(BENCH),$(BIN)/python -m bench.$(name) \
	  $(if $(and $(DATA),$(filter-out $(WITHOUT_DATA),$(name))),--data "$(DATA)") &&) true

book: .venv/ready  ## the site, in _docs/; needs Quarto (https://quarto.org) 1.4 or later
	@command -v quarto > /dev/null || { echo 'Quarto is not on the PATH: get it at' \
	  'https://quarto.org/docs/get-started, or read _course/index.html,' \
	  'which `make course` writes without it.'; exit 1; }
	$(BIN)/python -m tools.site

rehearsal: .venv/ready  ## what Colab does, without Colab: a new environment, the built wheel, every notebook
	$(BIN)/python -m tools.rehearsal

lock: .venv/ready  ## choose the newest versions that fit, for every Python and system the book supports
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --python-version 3.10 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  --no-emit-package sotatrain --upgrade -o requirements.lock

clean:  ## remove what the commands above wrote (not the drawn and downloaded data)
	rm -rf .venv _course _zh _proc _docs build dist *.egg-info .pytest_cache .hypothesis

# Its last import compiles what all chapters import: kernels that start together would all do it.
.venv/ready: requirements.lock pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and \
	  "Python 3.10 or later is needed; this is %s. Name another one: make PYTHON=python3.12 ..." \
	  % sys.version.split()[0])'
	@echo 'Installing into .venv (on Linux about 3 GB to download the first time)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -c 'import sotatrain.all, IPython, matplotlib.pyplot'
	@touch $@
