# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that work on the patched tree, after common.sh: a git
# that behaves the same for everybody, the series, the record of what is applied.
# shellcheck shell=bash

# use_private_git: from here on git keeps the user's name and nothing else of
# the user's settings, so that the same series gives the same tree everywhere.
use_private_git() {
	local vars name email
	vars=$(git rev-parse --local-env-vars)
	# shellcheck disable=SC2086  # a list of names
	unset $vars GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_AUTHOR_DATE GIT_COMMITTER_DATE GIT_DEFAULT_HASH
	name=${GIT_COMMITTER_NAME:-$(git -C "$ROOT" config user.name || true)}
	email=${GIT_COMMITTER_EMAIL:-$(git -C "$ROOT" config user.email || true)}
	export GIT_COMMITTER_NAME=${name:-foliolab} GIT_COMMITTER_EMAIL=${email:-foliolab@localhost}
	export GIT_AUTHOR_NAME=$GIT_COMMITTER_NAME GIT_AUTHOR_EMAIL=$GIT_COMMITTER_EMAIL
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_ATTR_NOSYSTEM=1
	local -a settings=(safe.directory='*' core.attributesFile=/dev/null core.hooksPath=/dev/null
		core.autocrlf=false core.fsmonitor=false gc.auto=0 commit.gpgSign=false advice.detachedHead=false)
	local setting n=0
	for setting in "${settings[@]}"; do
		export "GIT_CONFIG_KEY_$n=${setting%%=*}" "GIT_CONFIG_VALUE_$n=${setting#*=}"
		n=$((n + 1))
	done
	export GIT_CONFIG_COUNT=$n
}

tree_git() { run git -C "$(tree_dir)" "$@"; }

# The record lies beside the tree: `source ID`, `pristine COMMIT`, `head COMMIT`
# and, for each patch in order, `patch SHA256 COMMIT FILE`.
record_file() { echo "$BUILD/linux-$BASE.applied"; }
record_get() { sed -n "s/^$1 //p" "$(record_file)"; }

# list_patches: `SHA256 FILE` for each line of the series; nothing for a base without one.
list_patches() {
	local dir file
	local -a files
	dir=$(series_dir)
	[[ -d $dir ]] || return 0
	[[ -f $dir/series ]] || die "patches/$BASE/series is missing; restore it with git checkout"
	mapfile -t files < <(sed 's/#.*//; s/[[:space:]]*$//; /^$/d' "$dir/series")
	for file in "${files[@]}"; do
		[[ -f $dir/$file ]] ||
			die "patches/$BASE/series names $file, which is missing; restore the file or take the line out"
	done
	((${#files[@]} == 0)) || (cd "$dir" && sha256sum -- "${files[@]}" | sed 's/  / /')
}

is_dirty() { [[ -n $(git -C "$1" --no-optional-locks status --porcelain --untracked-files=no) ]]; }

# refuse_unfinished: a rebase or am of the user's own is the user's to end.
refuse_unfinished() {
	local state
	for state in rebase-apply rebase-merge; do
		[[ ! -d $(tree_git rev-parse --path-format=absolute --git-path "$state") ]] ||
			die "$(tree_dir) is in the middle of a rebase or am; end it there with --continue or --abort"
	done
}

# need_tree: for the verbs that read the tree and do not make it.
need_tree() {
	[[ -d $(tree_dir)/.git && -f $(record_file) ]] || die "there is no $(tree_dir); run 'make apply' first"
}
