"""Programs for the simulated terminal: the tree as it is under a higher build, sound or with something wrong in it."""

from __future__ import annotations

import functools

from firmware import version
from tools.firmware.program import numbers
from tools.release.program import program_file
from tools.sim import image
from tools.sim.bundle import bundle

BUILD, VERSION = version.BUILD + 1, "0.1.1"


@functools.cache
def program(board: str = "s3", changes: tuple[tuple[str, str, str], ...] = (), build: int = BUILD) -> bytes:
    """A `.vfu` of the tree under this build; `changes` are (file, text, other text)."""
    tree = image.REPOSITORY
    facts = numbers(tree)
    said = ("firmware/version.py", f"BUILD = {facts['BUILD']}", f"BUILD = {build}")
    named = ("firmware/version.py", f'VERSION = "{facts["VERSION"]}"', f'VERSION = "{VERSION}"')
    sources: dict[str, str] = {}
    for path, old, new in (said, named, *changes):
        source = sources.get(path) or (tree / path).read_text()
        assert source.count(old) == 1, (path, old)
        sources[path] = source.replace(old, new)
    modules = image.compiled_modules(tree, board, {path: source.encode() for path, source in sources.items()})
    modules.pop("drivers/bundlefs.mpy", None)
    return program_file(
        bundle(modules),
        board=board,
        version=VERSION,
        build=build,
        epoch=int(facts["EPOCH"]),
        abi=int(facts["ABI"]),
        stage=int(facts["stage"]),
        made_utc=int(facts["BUILT_UTC"]),
    )
