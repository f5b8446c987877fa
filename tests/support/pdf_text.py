"""The text of each page of a PDF that Chromium wrote: enough of the format for that, and no more."""

from __future__ import annotations

import re
import zlib


def pages_of(pdf: bytes) -> list[str]:
    """What stands on each page, without blanks: letters are placed one by one, and so are words."""
    objects = {int(n): body for n, body in re.findall(rb"(?s)\n(\d+) 0 obj\b(.*?)\nendobj", pdf)}
    shown = [body for body in objects.values() if re.search(rb"/Type /Page\b", body)]
    return [_text(objects, page) for page in shown]


def _text(objects: dict[int, bytes], page: bytes) -> str:
    maps = {}
    fonts = re.search(rb"(?s)/Font\s*<<(.*?)>>", page)
    for name, number in re.findall(rb"/(\w+) (\d+) 0 R", fonts[1] if fonts else b""):
        to_unicode = re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)])
        maps[name] = _letters(_stream(objects[int(to_unicode[1])])) if to_unicode else {}
    contents = re.search(rb"/Contents (\d+) 0 R", page)
    assert contents
    said: list[str] = []
    letters: dict[int, str] = {}
    for font, shown in re.findall(rb"/(\w+) [\d.]+ Tf|<([0-9A-Fa-f]+)>", _stream(objects[int(contents[1])])):
        if font:
            letters = maps.get(font, {})
        said += [letters.get(int(shown[i : i + 4], 16), "") for i in range(0, len(shown), 4)]
    return "".join(said).replace(" ", "")


def _stream(body: bytes) -> bytes:
    found = re.search(rb"(?s)stream\r?\n(.*?)\nendstream", body)
    assert found
    return zlib.decompressobj().decompress(found[1]) if b"FlateDecode" in body else found[1]


def _letters(cmap: bytes) -> dict[int, str]:
    found: dict[int, str] = {}
    for block in re.findall(rb"(?s)beginbfchar\n(.*?)endbfchar", cmap):
        for code, letter in re.findall(rb"<(\w+)> <(\w+)>", block):
            found[int(code, 16)] = bytes.fromhex(letter.decode()).decode("utf-16-be")
    for block in re.findall(rb"(?s)beginbfrange\n(.*?)endbfrange", cmap):
        for first, last, letter in re.findall(rb"<(\w+)> <(\w+)> <(\w+)>", block):
            for at in range(int(first, 16), int(last, 16) + 1):
                found[at] = chr(int(letter, 16) + at - int(first, 16))
    return found
