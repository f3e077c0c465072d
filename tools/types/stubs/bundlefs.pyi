"""drivers/bundlefs.py, which stands at the root of the terminal's file system under this name."""

from drivers.bundlefs import BundleFS as BundleFS
