# SPDX-License-Identifier: GPL-2.0
# Sourced by apply, after series.sh: how the tree goes from one series to
# another and loses nothing on the way.
# shellcheck shell=bash

# end_move RECORD: the tree is at the head that RECORD names; tell the refs, and
# make it the record.
end_move() {
	GIT_DIR=$TREE/.git set_base "$(sed -n 's/^pristine //p' "$1")"
	tree_git update-ref refs/foliolab/series "$(sed -n 's/^head //p' "$1")"
	mv "$1" "$(record_file)"
}

# finish_move: what an interrupted run left. The new record is written before
# the tree moves, so a tree at the old head or between the two moves on.
finish_move() {
	local new head target
	new=$(record_file).new
	rm -rf "$TREE.tmp" "$TREE.tmp.inner" "$TREE.tmp.index" "$TREE.am" "$TREE.am.log" "$new.part"
	[[ -f $new ]] || return 0
	target=$(sed -n 's/^head //p' "$new")
	head=$(tree_git rev-parse -q --verify HEAD || true)
	if [[ -n $head && ($head == "$(record_get head)" || $head == "$target") ]]; then
		rm -f "$TREE/.git/index.lock" "$TREE/.git/HEAD.lock"
		tree_git reset -q --hard "$target"
		end_move "$new"
	else
		rm "$new"
	fi
}

# move_tree RECORD-LINE...: to the head that they name, writing no file that is
# the same in both.
move_tree() {
	local new
	new=$(record_file).new
	printf '%s\n' "$@" >"$new.part"
	mv "$new.part" "$new"
	# The tree is known to be clean; after a copy or a touch the index must be told.
	tree_git update-index -q --refresh || true
	if ! tree_git reset -q --keep "$(sed -n 's/^head //p' "$new")"; then
		rm "$new"
		die "files in $TREE are in the way of the series (named above); move them away"
	fi
	end_move "$new"
}

# keep_work: commits whatever is not in patches/ to a branch of its own.
keep_work() {
	local n=1 index tip
	while tree_git show-ref -q --verify "refs/heads/dropped-$n"; do n=$((n + 1)); done
	tip=$(tree_git rev-parse HEAD)
	if is_dirty "$TREE"; then
		index=$TREE.tmp.index
		cp "$TREE/.git/index" "$index"
		GIT_INDEX_FILE=$index tree_git add --update
		tip=$(tree_git commit-tree -p "$tip" -m "Uncommitted changes" \
			"$(GIT_INDEX_FILE=$index tree_git write-tree)")
		rm "$index"
	fi
	tree_git branch "dropped-$n" "$tip"
	tree_git reset -q --hard "$(record_get head)"
	say KEEP "dropped-$n" "branch with the work that was in ${TREE#"$ROOT"/}"
}

# check_work: apply may only move a tree that holds nothing but patches/.
# An edit in progress is no matter as long as the series has not changed.
check_work() {
	local what='' count
	[[ -f $(record_file) ]] ||
		die "$TREE was not made by 'make apply'; move it away, or use BUILD=<another directory>"
	refuse_unfinished
	if [[ $(tree_git rev-parse HEAD) != "$(record_get head)" ]]; then
		count=$(tree_git rev-list --count "$(record_get head)..HEAD")
		what="$count commits"
		((count > 0)) || what="fewer commits than the series:"
	elif [[ $1 != warm || ${FORCE:-} == yes ]] && is_dirty "$TREE"; then
		what="uncommitted changes"
	fi
	[[ -n $what ]] || return 0
	[[ ${FORCE:-} == yes ]] || die "${TREE#"$ROOT"/} holds $what not in patches/: run 'make refresh'," \
		"or 'make apply FORCE=yes' to drop them (they are kept on a branch)"
	keep_work
}
