# Two commands do everything on a fresh machine with Rust: `make demo` and `make test`.

CARGO ?= cargo
OUT   ?= out/demo
# Inputs of fuzzers are files: in memory, where the system has such a folder.
FAST_TMP := $(if $(wildcard /dev/shm),/dev/shm,$(if $(TMPDIR),$(TMPDIR),/tmp))

.PHONY: lint-packaging benchmarks benchmarks-page schemas python test-python packages test-packages fuzz fuzz-stable demo test check-all isa compare features kills faults watch slurm memory metrics-memory web test-web tools driver fmt lint unit quality full-size clean

## Build, run `detect` on the sample images with the embedded model, leave out/demo/report.html
demo: driver
	$(CARGO) build --release
	./target/release/dapo-wgpu detect docs/samples --out $(OUT) --save-maps
	@echo "open $(OUT)/report.html"

## Formatting, lints, documentation, unit tests, kernel conformance, goldens, CLI end to end
test: tools fmt lint unit

fmt:
	$(CARGO) fmt --check

lint:
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items

## The library without features, for those who build on it
features:
	$(CARGO) clippy --no-default-features --lib -- -D warnings

# Shaders run with bounds and loop checks here. NODEVICE_SELECT keeps Mesa from looking for a display.
unit:
	NODEVICE_SELECT=1 DAPO_CHECKED=1 $(CARGO) test
	@if command -v python3 >/dev/null 2>&1; then \
		NODEVICE_SELECT=1 python3 tools/gpu/compare.py --dry-run --program target/debug/dapo-wgpu --out out/gpu-dry-run; \
	else echo "NOT RUN: tools/gpu/compare.py --dry-run needs python3"; fi

## Slow: how good the embedded model is, on generated images with other seeds and on your own photos
## (MVTec-AD layout): make quality PHOTOS=dir OBJECT="magnetic tile"
quality: driver
	DAPO_PHOTOS="$(PHOTOS)" DAPO_OBJECT="$(OBJECT)" \
		$(CARGO) test --release --test quality -- --ignored --nocapture

## Slow: DAPO, AnomalyCLIP, MultiADS and fixed prompts on objects and defects that they have not seen, three
## seeds; on your own photos too (MVTec-AD layout): make compare PHOTOS=dir
compare: driver
	DAPO_PHOTOS="$(PHOTOS)" DAPO_MODEL="$(MODEL)" $(CARGO) test --release --test compare -- --ignored --nocapture

## Slow: an archive, a Debian package and a wheel with the program inside, in out/packages
packages:
	packaging/build.sh

## Slow: the wheel of the Python module, in out/packages; test-python installs and tests it
python:
	tools/test_python.sh build
test-python: driver
	tools/test_python.sh

## The release workflow and the container's file, by linters that work offline
lint-packaging:
	packaging/lint.sh

## Installs what `make packages` built and detects with it; CHROOT=1 also in a fresh Debian (root, debootstrap)
test-packages: driver
	packaging/test.sh
	$(if $(CHROOT),packaging/test-chroot.sh)

## Slow: N changed inputs with every reader of bytes, on stable Rust, with overflow checks: make fuzz-stable N=1000000
## TARGET=png reads with readers of that name alone, KEEP=dir leaves inputs that are faults there
fuzz-stable:
	DAPO_FUZZ_INPUTS=$(or $(N),100000) DAPO_FUZZ_TARGET=$(TARGET) DAPO_FUZZ_KEEP=$(KEEP) TMPDIR=$(FAST_TMP) \
		$(CARGO) test --profile fuzz --test fuzz -- --nocapture no_reader

## Slow: fuzzing by coverage, SECONDS for each reader (needs a nightly compiler and cargo-fuzz): make fuzz SECONDS=60
fuzz:
	@rustup toolchain list 2>/dev/null | grep -q nightly || { echo "needs: rustup toolchain install nightly"; exit 1; }
	@cargo fuzz --version >/dev/null 2>&1 || { echo "needs: cargo install cargo-fuzz"; exit 1; }
	for target in $(if $(TARGET),$(TARGET),$$(cargo fuzz list)); do \
		TMPDIR=$(FAST_TMP) cargo +nightly fuzz run $$target -- -max_total_time=$(or $(SECONDS),60) -timeout=10 \
			-rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=131072 || exit 1; done

## Slow: a training run and an evaluation that are killed fifty times each; signals at any moment of every command
kills: driver
	NODEVICE_SELECT=1 DAPO_KILLS=50 $(CARGO) test --test cli killed_run -- --ignored --nocapture
	NODEVICE_SELECT=1 $(CARGO) test --test cli stopping -- --include-ignored

## Slow: each write that fails or is the last, each allocation and submit that fails, of each command
faults: driver
	NODEVICE_SELECT=1 DAPO_FAULTS=all $(CARGO) test --test faults -- --include-ignored --nocapture

## Slow: a thousand files that arrive in a watched folder, whole, in halves and broken
watch: driver
	NODEVICE_SELECT=1 DAPO_WATCH=1000 $(CARGO) test --test cli every_file_that_arrives -- --nocapture

## Slow: an evaluation as a job array of Slurm on this machine (needs slurm-wlm and munge)
slurm: driver
	NODEVICE_SELECT=1 $(CARGO) test --test scale -- --ignored --nocapture

## Slow: device memory of a training step of ViT-L/14 at 518 px (12 GB of memory on a CPU)
memory: driver
	$(CARGO) test --release --test memory -- --ignored --nocapture

## Slow: peak memory of the figures of 100,000 maps at 518 px
metrics-memory:
	$(CARGO) test --release --test metrics memory -- --ignored --nocapture

## Slow: full-size architectures with random weights against PyTorch (needs torch, 8 GB of memory)
full-size: driver
	$(CARGO) build --release
	python3 tools/check_full_size.py target/release/dapo-wgpu

## The page of the browser, web/dist; then `dapo-wgpu web` serves it on this machine
web:
	@./tools/web.sh

## Slow: the page in headless Chromium (needs chromium, node, npm): shaders, results against the program's, `check`,
## faults, widths; one of them: make test-web WEB=detect. Screenshots lie in out/web
test-web: driver web
	$(CARGO) build --release
	@mkdir -p out/web
	DAPO_SHADERS="$(CURDIR)/out/web/shaders.jsonl" $(CARGO) test --test translate browser -- --ignored
	@[ -d web/test/node_modules ] || (cd web/test && npm ci --no-audit --no-fund)
	node web/test/run.mjs $(WEB)

## docs/schemas: the JSON Schemas of what the program writes, from its types
schemas:
	DAPO_WRITE_SCHEMAS=1 $(CARGO) test --lib schemas

## Slow: the kernels of CLIP on this device, docs/results/NAME.json, and the page of all such results
benchmarks: driver
	$(CARGO) build --release
	NAME="$(NAME)" ./tools/benchmarks.sh
	$(MAKE) benchmarks-page

benchmarks-page:
	DAPO_WRITE_BENCHMARKS=1 $(CARGO) test --test benchmarks_page

## docs/isa.md: what AMD's compiler makes of each variant, for two GPUs that need not be here
isa:
	$(CARGO) build --release
	@./tools/isa.sh

## Slow: `check` on every software device that Debian has (lavapipe, SwiftShader, OpenGL); reports in out/check-all
check-all:
	@./tools/ensure-driver.sh --software
	$(CARGO) build --release
	@./tools/check-all.sh

# A Vulkan driver, if none is there. Metal and DX12 machines need nothing.
driver:
	@./tools/ensure-driver.sh

# The same, and what the tests validate shaders with.
tools:
	@./tools/ensure-driver.sh --tests

clean:
	$(CARGO) clean
	rm -rf out
