# SPDX-License-Identifier: GPL-2.0
"""Two made-up kernels for the tests of what boots them, and stubs for what packs their guests."""
import shutil

from sandbox import Sandbox


class Kernels(Sandbox):
    patience = 240
    GUEST = "echo QEMU 1"       # what stands in the place of QEMU
    CONFIG = "CONFIG_TMPFS=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\n"

    def setUp(self) -> None:
        super().setUp()
        for command in ("cpio", "install", "wc", "tr", "cut", "printf", "truncate"):
            if (real := shutil.which(command)) and not (self.bin / command).exists():
                (self.bin / command).symlink_to(real)
        self.stub("qemu-system-x86_64", self.GUEST)
        self.stub("gcc", "echo gcc 1")
        self.stub("make", 'mkdir -p "$BUILD/selftests"; touch "$BUILD/selftests/"{fsx,fstree}; printf "fsx\\nfstree\\n"')
        for kernel in ("pristine", "patched"):
            out = self.dir / kernel
            (out / "arch/x86/boot").mkdir(parents=True)
            (out / "arch/x86/boot/bzImage").write_text(kernel)
            (out / "include/config").mkdir(parents=True)
            (out / "include/config/kernel.release").write_text("7.3.4\n")
            (out / ".config").write_text(self.CONFIG)
        self.env |= {"PRISTINE": str(self.dir / "pristine"), "PATCHED": str(self.dir / "patched"), "ACCEL": "tcg",
                     "OUTDIR": str(self.dir / "out"), "OFFLINE": "yes", "NO_COLOR": "1"}
