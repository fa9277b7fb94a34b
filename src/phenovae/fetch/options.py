"""How patient fetching is, and what an archive may hold."""

from __future__ import annotations

from pydantic import Field

from phenovae.base.options import Options


class FetchOptions(Options):
    """Time-outs and tries of one file."""

    timeout_s: float = Field(30, gt=0, description="longest silence of a server [s]")
    slowest_bytes_s: float = Field(
        1000, ge=0, description="a connection slower than this is given up and made anew [bytes/s]"
    )
    attempts: int = Field(
        6, ge=1, description="tries in a row that bring nothing, and times to begin anew"
    )
    backoff_s: float = Field(
        1, ge=0, description="wait after the first failure, doubled after each more [s]"
    )
    longest_wait_s: float = Field(
        120, ge=0, description="longest wait between tries; a server that asks for more is left [s]"
    )
    block_bytes: int = Field(1 << 18, ge=1, description="most that is read at once [bytes]")


class ArchiveLimits(Options):
    """Bounds of an archive, so that a hostile one fills neither memory nor disk."""

    files: int = Field(5000, ge=1, description="most files")
    file_bytes: int = Field(1 << 28, ge=1, description="largest file, unpacked [bytes]")
    total_bytes: int = Field(1 << 33, ge=1, description="all files, unpacked [bytes]")
    ratio: float = Field(
        50, gt=1, description="most that an archive may grow by unpacking; noisy images halve"
    )
