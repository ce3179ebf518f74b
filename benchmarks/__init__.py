"""The figures of the README and the docs, each from one command."""

import os
import platform


def conditions() -> str:
    """Return the machine and how busy it is, in a line."""
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors{load}, Python {platform.python_version()}"
