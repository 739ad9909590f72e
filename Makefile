# mlip-batch: the few commands a newcomer needs. `make` lists them.

# What a cluster's own MPI may need to be told: make demo MPIRUN="mpirun --mca pml ucx"
MPIRUN ?= mpirun
CARGO ?= cargo
PREFIX ?= /usr/local
export MPIRUN CARGO PREFIX DESTDIR

.PHONY: help setup build install deb static demo wheel test test-gpu test-kernels lint bench clean fuzz storm deny

help:
	@echo 'make demo    install what is missing, build, compute 50 real crystals on 2 MPI ranks, show the tables'
	@echo 'make test    all tests: unit tests, mpirun, Slurm; says what was skipped and why'
	@echo 'make build   the program with MPI: target/release/mlip-batch; with CUDA=1, for GPUs too (docs/gpu.md)'
	@echo 'make install  the program, its manual pages and completions into PREFIX (/usr/local), after make build; DESTDIR is put before it'
	@echo 'make deb     a Debian package of what make build made (cargo-deb): target/debian'
	@echo 'make static  the program for one machine, without MPI and shared libraries (musl-gcc): target/*-unknown-linux-musl/release'
	@echo 'make wheel   the Python package (docs/python.md), tested in a fresh environment: target/wheels'
	@echo 'make test-gpu  what only a GPU can show, on a host with one'
	@echo 'make test-kernels  CHGNet and UMA as cards compute them, their kernels run by the cores of this host: no card is needed'
	@echo 'make lint    formatting and clippy'
	@echo 'make bench   benchmarks'
	@echo 'make fuzz FUZZ_SECONDS=600  libFuzzer on every reader (fuzz/README.md); without cargo-fuzz or nightly, random mutants'
	@echo 'make storm ROUNDS=20   kills ranks and jobs of real runs at random, and compares their tables (docs/reliability.md)'
	@echo 'make deny    licenses and doubles among dependencies (cargo-deny)'
	@echo 'make clean   what was built and computed here'
	@echo
	@echo 'MLIP_NO_INSTALL=1 forbids installing: what is missing is named instead.'

setup:
	@scripts/setup.sh build

build: setup
ifdef CUDA
	@CUDA_HOME=$$(scripts/cuda.sh) && export CUDA_HOME && scripts/cargo.sh build --release --features mpi,cuda
else
	@scripts/cargo.sh build --release --features mpi
endif

install:
	@scripts/install.sh

deb:
	@scripts/deb.sh

static:
	@scripts/static.sh

demo: build
	@scripts/demo.sh

wheel:
	@scripts/setup.sh wheel
	@scripts/wheel.sh

test:
	@scripts/setup.sh test
	@scripts/test.sh

test-gpu:
	@scripts/setup.sh build
	@CUDA_HOME=$$(scripts/cuda.sh) && export CUDA_HOME MLIP_TEST_GPU=1 && scripts/cargo.sh test --release \
	    -p mlip-gpu -p mlip-models --features mlip-gpu/cuda,mlip-models/cuda --test device --test orb_cuda --test mace_cuda --test chgnet_cuda --test uma_cuda -- --nocapture

test-kernels:
	@scripts/setup.sh build
	@CUDA_HOME=$$(scripts/cuda.sh) && LD_LIBRARY_PATH=$$(scripts/emulator.sh) && export CUDA_HOME LD_LIBRARY_PATH MLIP_TEST_GPU=1 && \
	    scripts/cargo.sh test --release -p mlip-models --features mlip-gpu/cuda,mlip-models/cuda --test chgnet_cuda -- \
	    --nocapture goldens_are cards_round structures_without what_the_model && \
	    scripts/cargo.sh test --release -p mlip-models --features mlip-gpu/cuda,mlip-models/cuda --test uma_cuda -- \
	    --nocapture goldens_of neighbors_that cards_compute an_isolated

lint:
	@scripts/setup.sh build
	@scripts/cargo.sh fmt --all --check
	@scripts/cargo.sh clippy --workspace --all-targets --features mpi -- -D warnings

bench: setup
	@scripts/cargo.sh bench --workspace --features mpi

FUZZ_SECONDS ?= 600
fuzz:
	@scripts/fuzz.sh $(FUZZ_SECONDS)

ROUNDS ?= 20
storm:
	@scripts/kill_storm.py --rounds $(ROUNDS)

deny:
	@cargo deny --version >/dev/null 2>&1 || { echo 'make deny needs cargo-deny: cargo install cargo-deny --locked' >&2; exit 1; }
	@cargo deny --offline --workspace check licenses bans sources

clean:
	@scripts/cargo.sh clean
	rm -rf runs/demo
