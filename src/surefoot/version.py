"""The version, where every room can read it: that of the package as installed, which its build takes from the tag."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("surefoot")
except PackageNotFoundError:  # sources on the path, never installed
    __version__ = "0+unknown"
