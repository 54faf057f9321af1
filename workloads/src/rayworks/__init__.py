"""Workloads for Ray on Kubernetes: each is a command in an image, `rayworks <workload> …`."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rayworks")
except PackageNotFoundError:  # run from a checkout
    __version__ = "checkout"
