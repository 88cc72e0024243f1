"""What a figure depends on beside the code: the processor, the libraries, and what else the machine was doing."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The instruction sets that the network's matrix products choose between; a processor's other flags do not matter here.
WIDE = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "asimddp", "sve", "i8mm", "bf16")

# By family and model, since virtual machines name no generation. From LLVM's Host.cpp and Linux's intel-family.h:
# https://github.com/llvm/llvm-project/blob/main/llvm/lib/TargetParser/Host.cpp
X86_GENERATIONS = (
    ("AuthenticAMD", 23, range(0x30, 0x40), "Zen 2"),
    ("AuthenticAMD", 25, range(0x10), "Zen 3"),
    ("AuthenticAMD", 25, range(0x10, 0x20), "Zen 4"),
    ("AuthenticAMD", 25, range(0xA0, 0xB0), "Zen 4"),
    ("AuthenticAMD", 26, range(0x20), "Zen 5"),
    ("GenuineIntel", 6, range(63, 64), "Haswell"),
    ("GenuineIntel", 6, range(79, 80), "Broadwell"),
    ("GenuineIntel", 6, range(85, 86), "Skylake or Cascade Lake"),
    ("GenuineIntel", 6, range(106, 107), "Ice Lake"),
    ("GenuineIntel", 6, range(143, 144), "Sapphire Rapids"),
    ("GenuineIntel", 6, range(207, 208), "Emerald Rapids"),
    ("GenuineIntel", 6, range(173, 174), "Granite Rapids"),
)
ARM_PARTS = {"0xd0c": "Neoverse N1", "0xd40": "Neoverse V1", "0xd49": "Neoverse N2", "0xd4f": "Neoverse V2"}


@dataclass(frozen=True)
class Machine:
    """Where a run took place. What an old run did not record is None, or empty."""

    processor: str
    cores: int | None
    flags: tuple[str, ...] = ()
    memory_mb: int | None = None
    architecture: str = "x86_64"  # as `uname -m` says it

    @property
    def name(self) -> str:
        """Name it as a table does."""
        return self.processor if self.cores is None else f"{self.processor}, {self.cores} cores"

    @property
    def slug(self) -> str:
        """Name it as a file does."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def this_machine() -> Machine:
    """Describe the machine that this process runs on, as Linux shows it."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    facts = dict(re.findall(r"^([^\t:]+?)\s*:[ \t]*(.*)$", cpuinfo, re.MULTILINE))
    present = set((facts.get("flags") or facts.get("Features") or "").split())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=processor_name(facts),
        cores=len(os.sched_getaffinity(0)),
        flags=tuple(flag for flag in WIDE if flag in present),
        memory_mb=pages // 10**6,
        architecture=platform.machine(),
    )


def processor_name(facts: Mapping[str, str]) -> str:
    """Name a processor from the lines of /proc/cpuinfo, with its generation where that is known."""
    if "CPU part" in facts:  # arm64 gives numbers alone
        return ARM_PARTS.get(
            facts["CPU part"], f"arm64, implementer {facts['CPU implementer']}, part {facts['CPU part']}"
        )
    if "cpu family" not in facts:
        return platform.machine()
    maker, family, model = facts["vendor_id"], int(facts["cpu family"]), int(facts["model"])
    name = re.sub(r"\((R|TM)\)|\bCPU\b|\bProcessor\b|@.*", "", facts["model name"])
    for makers, families, models, generation in X86_GENERATIONS:
        if (maker, family) == (makers, families) and model in models:
            return f"{' '.join(name.split())} ({generation})"
    return f"{' '.join(name.split())} (family {family}, model {model})"


def versions(python: str, packages: Sequence[str]) -> dict[str, str]:
    """Ask an environment's Python for the versions of what it runs."""
    ask = "import json, sys; from importlib.metadata import version\n"
    ask += "print(json.dumps({it: version(it) for it in sys.argv[1:]}))"
    done = subprocess.run([python, "-c", ask, *packages], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found
