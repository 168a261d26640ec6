# SPDX-License-Identifier: GPL-2.0
# Sourced by apply, after series.sh: the pristine source as a git commit.
# shellcheck shell=bash

# meta KEY: what scripts/fetch left about the source.
meta() { sed -n "s/^$1=//p" "$BUILD/source-$BASE.meta"; }

is_git_source() { [[ -e $1/.git ]]; }
source_git() { git -C "$(meta path)" --no-optional-locks -c safe.directory='*' "$@"; }

# source_id: one line that changes when the source does.
source_id() {
	local path sum
	path=$(meta path) sum=$(meta sha256)
	if [[ $(meta kind) != tree ]]; then
		echo "${sum:-$path $(stat -c %Y "$path")}"
	elif is_git_source "$path"; then
		echo "$path $(source_git rev-parse HEAD)"
	else
		echo "$path $(stat -c %Y "$path/Makefile")"
	fi
}

# unpack_source DIR: only reads the source. Of a git tree it takes HEAD; of a
# plain tree that holds a build it leaves the build behind.
unpack_source() {
	local path inner
	path=$(meta path)
	mkdir -p "$1"
	if [[ $(meta kind) != tree ]]; then
		tar -xf "$path" -C "$1"
		if [[ ! -f $1/Makefile ]]; then
			inner=$(find "$1" -mindepth 2 -maxdepth 2 -name Makefile -printf '%h\n' | head -1)
			[[ -n $inner ]] || die "$path holds no kernel tree: no Makefile at its top"
			mv "$inner" "$1.inner"
			rm -rf "$1"
			mv "$1.inner" "$1"
		fi
	elif is_git_source "$path"; then
		if [[ -n $(source_git status --porcelain --untracked-files=no) ]]; then
			warn "$path has uncommitted changes; only its HEAD is taken"
		fi
		source_git archive HEAD | tar -xf - -C "$1"
	else
		tar -C "$path" --exclude='*.o' --exclude='*.ko' --exclude='*.a' --exclude='.*.cmd' -cf - . |
			tar -xf - -C "$1" --no-same-permissions
		[[ ! -e $1/.config && ! -e $1/include/generated ]] || run make -s -C "$1" mrproper >/dev/null
	fi
	chmod -R u+w "$1"
}

# commit_source DIR: commits all of DIR into $GIT_DIR and prints the commit. The
# date is fixed: the same source gives the same commit.
commit_source() {
	local object
	git -C "$1" -c core.compression=0 add --all --force
	object=$(git -C "$1" write-tree)
	GIT_AUTHOR_DATE='2000-01-01T00:00:00Z' GIT_COMMITTER_DATE='2000-01-01T00:00:00Z' \
		git -C "$1" -c core.compression=0 commit-tree --no-gpg-sign -m "Linux $(meta version)" "$object"
}

# set_base COMMIT: the names by which people and verbs find the pristine source.
set_base() {
	git update-ref refs/foliolab/base "$1"
	git update-ref refs/tags/pristine "$1"
}

# make_tree: a new tree that holds the source and no patch, under its name only
# when it is whole.
make_tree() {
	local tree tmp commit
	tree=$(tree_dir) tmp=$(tree_dir).tmp
	need_space 8
	say UNPACK "$(basename "$(meta path)")" "to ${tree#"$ROOT"/}"
	unpack_source "$tmp"
	git init -q --template= --object-format=sha1 -b series "$tmp"
	git -C "$tmp" config gc.auto 0
	say COMMIT "Linux $(meta version)" "tag pristine"
	export GIT_DIR=$tmp/.git GIT_WORK_TREE=$tmp
	commit=$(commit_source "$tmp")
	set_base "$commit"
	git update-ref HEAD "$commit"
	unset GIT_DIR GIT_WORK_TREE
	printf '%s\n' "source $(source_id)" "pristine $commit" "head $commit" >"$(record_file)"
	mv "$tmp" "$tree"
}

# import_source: another source for the tree that is there; prints its commit.
# It goes into the same repository: work kept there stays, and the files that
# are equal in both sources keep their times.
import_source() {
	local tmp
	tmp=$(tree_dir).tmp
	need_space 8
	say UNPACK "$(basename "$(meta path)")" "another source for $(basename "$(tree_dir)")" >&2
	unpack_source "$tmp"
	GIT_DIR=$(tree_dir)/.git GIT_WORK_TREE=$tmp GIT_INDEX_FILE=$tmp.index commit_source "$tmp"
	rm -rf "$tmp" "$tmp.index"
}
