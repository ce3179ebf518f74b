"""On what a model was made: versions, commit and hardware. train.py writes it beside the model, card.py tells it."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras

PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "numpy", "opencv-python-headless", "scikit-image")


def describe() -> dict:
    """Return the versions, the commit of this checkout (None outside git; "-changed" when files differ from it) and the hardware."""
    return {
        "versions": {"python": platform.python_version()} | {name: found for name in PACKAGES if (found := _version(name))},
        "commit": _commit(),
        "hardware": {"system": platform.platform(), "processor": _processor(), "processors": os.cpu_count(), "gpus": _gpus()},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        described = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=-changed"]
        return subprocess.run(described, cwd=Path(__file__).parent, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _processor() -> str:
    """Return the processor's name; Python itself knows it on Windows and macOS only."""
    try:
        names = (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
        return next(names, platform.machine())
    except OSError:
        return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    """Return the names of the GPUs that Keras trains on."""
    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform == "gpu"]
    import tensorflow as tf

    return [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in tf.config.list_physical_devices("GPU")]
