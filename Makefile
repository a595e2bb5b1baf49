# Two commands to begin with: `make demo` and `make test`. `make` alone lists them all.
MODELS ?= tiny
PREFIX ?= /usr/local
unexport MAKEFLAGS

.PHONY: help demo test test-long test-providers build install bench lint format asan tsan fuzz clean setup
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo:  ## set up, build, and watch an agent book a trip (first time: about 20 minutes)
	@scripts/setup --models default
	@scripts/build release ragent demo_fleet
	@scripts/demo

test:  ## set up, build, run every test not marked long
	@scripts/setup --models $(MODELS)
	@scripts/build dev
	@scripts/run_tests build/dev

test-long:  ## the tests marked long: real models, thousands of kills, ThreadSanitizer
	@scripts/setup --models tiny,small,default
	@scripts/build release
	@scripts/build tsan
	@scripts/run_tests --long build/release
	@scripts/run_tests build/tsan

test-providers:  ## every way in which a model's server fails, and many calls to one
	@scripts/setup --models ''
	@scripts/build dev providers_test
	@build/dev/providers_test

build:  ## the ragent command, optimised, in build/release/bin
	@scripts/setup --models $(MODELS)
	@scripts/build release ragent

install:  ## for other CMake projects, into PREFIX (default /usr/local)
	@scripts/setup --models ''
	@scripts/build release installed
	@cmake --install build/release --prefix $(PREFIX) >build/install.log || { tail build/install.log; exit 1; }

# The local models are fetched where they are measured.
bench: MODELS = $(if $(filter-out llama,$(ONLY)),tiny,small,default)
bench:  ## benchmarks, optimised, results in bench/out; ONLY=name for one of bench/*.cc
	@scripts/setup --models $(MODELS)
	@scripts/build release $(ONLY:%=bench_%)
	@scripts/run_bench build/release $(ONLY)

lint:  ## formatting, clang-tidy, arrows between folders, public headers, sizes
	@scripts/setup --models ''
	@scripts/lint/all

format:  ## formats every C++ file in place
	@scripts/lint/all --fix

asan:  ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/setup --models $(MODELS)
	@scripts/build asan
	@scripts/run_tests build/asan

tsan:  ## the tests under ThreadSanitizer, without the local model
	@scripts/setup --models $(MODELS)
	@scripts/build tsan
	@scripts/run_tests build/tsan

fuzz:  ## each fuzz target for FUZZ_SECONDS (default 60), starting from its corpus
	@scripts/setup --models ''
	@scripts/build fuzz
	@scripts/run_fuzz build/fuzz

clean:  ## deletes build/ (the cache of sources and weights stays)
	rm -rf build
