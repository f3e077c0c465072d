"""A ROMFS image: read-only, run from where it lies. Written by mpremote's own writer, so that its format is the pinned
interpreter's. The same files give the same bytes.
"""

from __future__ import annotations

from mpremote.romfs import VfsRomWriter


def rom_image(files: dict[str, bytes]) -> bytes:
    """The image of these files: path without leading slash -> content."""
    writer = VfsRomWriter()
    folders: list[str] = []
    for name, content in sorted(files.items(), key=lambda item: item[0].split("/")):
        *path, file = name.split("/")
        while folders != path[: len(folders)]:
            folders.pop()
            writer.closedir()
        for folder in path[len(folders) :]:
            folders.append(folder)
            writer.opendir(folder)
        writer.mkfile(file, content)
    for _ in folders:
        writer.closedir()
    return bytes(writer.finalise())
