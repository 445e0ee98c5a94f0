"""Fetches rp2040js, in the version and with the hash that package-lock.json names."""

import subprocess

from picow.needs import HERE, program

_STAMP = HERE / "node_modules" / ".package-lock.json"  # npm's own record of what it installed


def fetch():
    """Run `npm ci` unless it has run since the lock file last changed."""
    lock = HERE / "package-lock.json"
    if _STAMP.exists() and _STAMP.stat().st_mtime >= lock.stat().st_mtime:
        return
    subprocess.run([program("npm"), "ci", "--loglevel=error"], cwd=HERE, check=True)
