# SPDX-License-Identifier: GPL-2.0
# Sourced by the verbs that give a guest a disk: images made by mkfs on a file, blank
# ones, a directory of this machine. QEMU's words for them are in the array $disks.
# shellcheck shell=bash
. "$ROOT/scripts/lib/debian.sh"

# hfsprogs: unpacks the package, which is in non-free, beside our own files: it
# is needed to make an image and must not change what the machine has installed.
hfsprogs() {
	local dir=$CACHE/hfsprogs
	if [[ ! -x $dir/sbin/mkfs.hfsplus ]]; then
		say FETCH hfsprogs "for HFS+ images"
		mkdir -p "$CACHE"
		debian_download "$(debian_codename)" "main non-free" hfsprogs "$CACHE" ||
			die "cannot get hfsprogs: $DEBIAN_ERROR; put its mkfs.hfsplus into $dir/sbin"
		rm -rf "$dir.new"
		dpkg-deb -x "$DEBIAN_DEB" "$dir.new"
		rm -rf "$dir" "$DEBIAN_DEB"
		mv "$dir.new" "$dir"
	fi
	MKFS_HFSPLUS=$dir/sbin/mkfs.hfsplus
}

# make_disk FILE KIND [block size]: an image of 64 MiB, sparse on the host.
make_disk() {
	local file=$1 kind=$2 size=${3:-4096}
	truncate -s 64M "$file"
	case $kind in
	hfsplus)
		hfsprogs
		run "$MKFS_HFSPLUS" -b "$size" "$file" >"$file.log" 2>&1 ||
			die "mkfs.hfsplus failed: $(tail -n1 "$file.log")"
		;;
	hfs)
		hfsprogs
		run "$MKFS_HFSPLUS" -h -b "$size" "$file" >"$file.log" 2>&1 ||
			die "mkfs.hfsplus -h failed: $(tail -n1 "$file.log")"
		;;
	*) die "no disk of kind '$kind' is known; add it to scripts/lib/disks.sh" ;;
	esac
}

# add_disk FILE SERIAL: for the guest, where it knows the disk by its serial. It may
# discard blocks, but they keep what they held: no disk has to answer with zeroes.
add_disk() {
	disks+=(-drive "if=none,id=$2,format=raw,file=$1,cache=unsafe,discard=ignore"
		-device "virtio-blk-pci,drive=$2,serial=$2")
}

# blank_disk SIZE FILE SERIAL
blank_disk() {
	truncate -s "$1" "$2"
	add_disk "$2" "$3"
}

# add_share DIR [TAG]: a directory of this machine, for 9p. What the guest says of modes and
# owners is in attributes of the files, so that nobody has to be root here.
add_share() {
	mkdir -p "$1"
	disks+=(-virtfs "local,path=$1,mount_tag=${2:-share},security_model=mapped-xattr")
}

# give_disk DIR SIZE: what the row's filesystem lives on; see the table of the filesystems.
give_disk() {
	case $2 in
	-) ;;
	host) add_share "$1/share" ;;
	*) blank_disk "$2" "$1/row.img" row ;;
	esac
}
