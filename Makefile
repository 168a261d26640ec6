# SPDX-License-Identifier: GPL-2.0
# The user's verbs. Each is a script of scripts/ with a --help of its own; the
# kernel side is in Kbuild. make hands BASE=, CFG=, T=, ... on by itself.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
VERBS := run doctor deps fetch apply refresh series check-patches bisectable \
	build kunit kunit-mod module qemu again costs shell gdb export-jobs coverage soak \
	census check
.PHONY: help matrix mutants clean $(VERBS)

help: ## this text
	@sed -n 's/^#% \{0,1\}//p' Makefile

$(VERBS):
	@scripts/$@

matrix:
	@SUITE="$${SUITE:-*}" FS="$${FS:-*}" scripts/qemu

mutants:
	@scripts/mutate

clean: ## objects and results; the trees, which may hold your work, stay
	rm -rf build/out out

#% foliolab: patches, suites and proof for folios and memdescs on Linux 7.3
#%
#% The two that do everything
#%   make run            fetch, apply, build, boot, run every suite both ways
#%   make check          the project's own tests; last line: N passed, N failed
#%
#% The machine
#%   make deps           install what is missing (DEPS=no: only say what)
#%   make doctor         every tool, its version, and the accelerator chosen
#%
#% Trees and patches
#%   make fetch          the pristine source (KSRC=tree or tarball: yours)
#%   make apply          build/linux-7.3: the source, then one commit a patch
#%   make refresh        regenerate patches/ from the commits of that tree
#%   make series         the patches with topic and size
#%   make check-patches  three ways to apply, checkpatch, series and files
#%   make bisectable     build after every patch (FROM= TO=)
#%   make census         who still uses struct page's interfaces, base against topics
#%                       (TREE=dir REV=commit API=name; TREE=your/fs: what to move to)
#%
#% Kernels and suites
#%   make build          configure and build (CFG=debug, CFG=kasan)
#%   make kunit          suites built in, under the tree's own kunit.py
#%   make kunit-mod      suites as modules in a booted guest
#%   make module         foliolab.ko, loaded and tested in a booted guest
#%   make qemu           filesystems under load, base against patched (SUITE= FS= SEED=
#%                       OPS=; RESUME=out/...: goes on with a run)
#%   make matrix         the same with every suite on every filesystem
#%   make again          what failed, or has no result, in the latest of these
#%   make costs          what each row took (RUN=out/...)
#%   make shell, gdb     the guest of the latest run again, for a terminal or for gdb
#%                       (RUN=out/...)
#%   make export-jobs    the rows of make qemu as jobs for engines with more machines, its
#%                       results for KCIDB (FORMAT=github, lava or kcidb RUN=out/...)
#%   make mutants        do the suites catch planted bugs? (AREA=split, N=2)
#%   make coverage       which lines and branches the suites run through
#%   make soak           all suites RUNS=100 times, each time with another seed
#%   make clean          remove objects and results, keep the trees
#%
#% Variables: BASE=7.3|6.12  CFG=fragment,...  T=suite[.case]  KSRC=path  V=1
#%            ACCEL=tcg|kvm|icount  BUILD=directory  scripts/VERB --help tells all
