"""Takes escape codes out of a stream of bytes, or leaves those in that move or erase within a line. Knows forms, not lines.

The forms are those of ECMA-48, read as terminals read them: ESC begins a new sequence wherever it stands, CAN and SUB cancel one,
control characters within a CSI act as if they stood before it. Every sequence has a bound, so that one that never ends does not
hide the rest of the stream. ESC and a byte that fits no form are nothing: the ESC goes, the byte stays.

Bytes above 0x7F that are UTF-8 are never touched. Others are not either, except for the 8-bit form of a sequence: a byte of C1 that
is no part of a character, and begins a sequence that is whole, well formed and short. Anything less is text in an old encoding.
"""

from __future__ import annotations

import codecs
import copy
import re
from re import Match

MAX_SEQUENCE = 256  # bytes within a CSI or nF sequence; then it is over, and what follows is text
MAX_STRING = 1024 * 1024  # bytes within an OSC, DCS, SOS, PM or APC string, the same; pictures are large
MAX_C1_STRING = 1024  # characters of a string begun by an 8-bit control
MAX_PARAMETERS = 64  # bytes of them in a sequence that edits the line

LINE_FINALS = b"@CDGJKPX`ajsu"  # CSI that move, erase or insert within the line; save and restore the cursor
ROW_FINALS = b"ABEFHLMSTdefk"  # CSI that go to another row, or move rows
EDIT_ESCAPES = b"78DEMc"  # save, restore, index, next line, reverse index, reset
ERASE_TO_END = b"\x01"  # stands in the text where the rest of the line is erased, as compilers do after each colour
ANOTHER_ROW = b"\x0b"  # the same where the cursor goes to another row

SEQUENCE = re.compile(
    rb"\x1b(?:(?P<csi>\[[\x00-\x17\x19\x1c-\x3f\x7f]{0,%d})(?P<final>[@-~\x18\x1a]?)"
    rb"|(?P<nf>[ -/][\x00-\x17\x19\x1c-\x2f\x7f]{0,%d})(?P<end>[0-~\x18\x1a]?)"
    rb"|(?P<osc>\][^\x07\x18\x1a\x1b]{0,%d})[\x07\x18\x1a]?|(?P<title>k[^\x07\x18\x1a\x1b\r\n]{0,%d})[\x07\x18\x1a]?"
    rb"|(?P<string>[PX^_][^\x18\x1a\x1b]{0,%d})[\x18\x1a]?|(?P<two>[0-~\x18\x1a]))?"
    % (MAX_SEQUENCE, MAX_SEQUENCE, MAX_STRING, MAX_STRING, MAX_STRING)
)
"""Any sequence, also one that is cut short. No part of it fails once it has begun, so nothing is tried twice. `title` is what GNU
screen and tmux know: ESC k, one line, ST."""

STRING_ENDS = {
    "osc": re.compile(rb"[\x07\x18\x1a\x1b]"),
    "title": re.compile(rb"[\x07\x18\x1a\x1b\r\n]"),
    "string": re.compile(rb"[\x18\x1a\x1b]"),
}
TERMINATORS = {"osc": b"\x07\x18\x1a", "title": b"\x07\x18\x1a", "string": b"\x18\x1a"}  # ends that are part of the string

_EDITS = LINE_FINALS + ROW_FINALS
_EDIT = rb"\[[0-9;]{0,%d}[%s]|[%s]" % (MAX_PARAMETERS, _EDITS, EDIT_ESCAPES)
_PLAIN = (  # complete sequences without an effect on a line, as they come nearly always
    rb"\[[0-?]{0,%d}[ -/]?[%s]|\][^\x07\x18\x1a\x1b]{0,4096}(?:\x07|\x1b\\)|[ -/][0-~]|[%s]"
    % (
        MAX_PARAMETERS,
        re.escape(bytes(set(range(0x40, 0x7F)) - set(_EDITS))),
        re.escape(bytes(set(range(0x30, 0x7F)) - set(EDIT_ESCAPES) - set(b"[]kPX^_"))),
    )
)
PLAIN = re.compile(rb"\x1b(?:%s)" % _PLAIN)
EDIT = re.compile(rb"\x1b(?:%s)" % _EDIT)
STRANGE = re.compile(rb"\x1b(?!%s)" % _EDIT)
_ROW = rb"\x1b(?:\[[0-9;]*[%s]|\[0*(?:[2-9]|1[0-9])[0-9;]*J|[DEMc])" % ROW_FINALS
ROW = re.compile(rb"%s(?:%s)*" % (_ROW, _ROW))  # the first ESC stands alone, so that it is looked for fast
PARAMETERS = re.compile(rb"[0-9;]{0,%d}" % MAX_PARAMETERS)

LINE_BREAKS = bytes.maketrans(b"\x0b\x0c", b"\n\n")  # terminals go down a line for both
CONTROLS = bytes(set(range(0x20)) - set(b"\b\t\n\x0b\x0c\r\x1b")) + b"\x7f"
CONTROLS_BUT_ERASE = CONTROLS.replace(ERASE_TO_END, b"")
CONTROLS_DONE = bytes.maketrans(b"\b\t\n\x0b\x0c\r", b"\x7f" * 6)
EXECUTED = bytes(set(range(256)) - set(b"\b\t\n\x0b\x0c\r"))  # what of the bytes within a CSI is no control that text knows

_CHARACTER = (  # of UTF-8, or as much of one as is there before it goes wrong: what a decoder takes as one error
    rb"[\xc2-\xdf][\x80-\xbf]?|\xe0(?:[\xa0-\xbf][\x80-\xbf]?)?|[\xe1-\xec\xee\xef][\x80-\xbf]{0,2}|\xed(?:[\x80-\x9f][\x80-\xbf]?)?"
    rb"|\xf0(?:[\x90-\xbf][\x80-\xbf]{0,2})?|[\xf1-\xf3][\x80-\xbf]{0,3}|\xf4(?:[\x80-\x8f][\x80-\xbf]{0,2})?"
)
_CUT_CHARACTER = (
    rb"(?:[\xc2-\xdf]|\xe0[\xa0-\xbf]?|[\xe1-\xec\xee\xef][\x80-\xbf]?|\xed[\x80-\x9f]?"
    rb"|\xf0(?:[\x90-\xbf][\x80-\xbf]?)?|[\xf1-\xf3][\x80-\xbf]{0,2}|\xf4(?:[\x80-\x8f][\x80-\xbf]?)?)\Z"
)
CUT_CHARACTER = re.compile(_CUT_CHARACTER)
_C1_BODY = rb"(?:[ -~]|%s){0,%d}+" % (_CHARACTER, MAX_C1_STRING)
_NO_CHARACTER = (  # a byte from 0x90 to 0x9F that is no part of one, by what stands before it
    rb"(?<![\xc2-\xdf\xe1-\xf3].)"
    rb"(?<!\xe0[\xa0-\xbf].)(?<![\xe1-\xec\xee\xef\xf1-\xf3][\x80-\xbf].)(?<!\xed[\x80-\x9f].)(?<!\xf0[\x90-\xbf].)(?<!\xf4[\x80-\x8f].)"
    rb"(?<!\xf0[\x90-\xbf][\x80-\xbf].)(?<![\xf1-\xf3][\x80-\xbf][\x80-\xbf].)(?<!\xf4[\x80-\x8f][\x80-\xbf].)"
)
C1 = re.compile(
    rb"(?s:[\x90\x98\x9b\x9d-\x9f]%s)(?:(?<=\x9b)(?:(?P<csi>[0-?]{0,%d}[ -/]{0,8}[@-~])|(?P<cut>[0-?]{0,%d}[ -/]{0,8}\Z))"
    rb"|(?<!\x9b)%s(?:(?P<string>\x07|\x9c|\x1b\\)|(?P<cut_string>\x1b?\Z)))"
    % (_NO_CHARACTER, MAX_PARAMETERS, MAX_PARAMETERS, _C1_BODY)
)


class SevenBit:
    """Turns 8-bit forms of sequences into those with ESC; holds back what is cut at the end, a kilobyte or four at most.

    Attributes:
        held: bytes that may become part of a character or a sequence.
    """

    def __init__(self) -> None:
        self.held = b""

    def feed(self, data: bytes) -> bytes:
        """What is decided."""
        if self.held:
            data, self.held = self.held + data, b""
        if data.isascii():
            return data
        try:
            end = codecs.utf_8_decode(data, "strict", False)[1]
        except UnicodeDecodeError:
            data = C1.sub(self._put, data)
            cut = None if self.held else CUT_CHARACTER.search(data, max(0, len(data) - 3))
            end = len(data) if cut is None else cut.start()
        if end < len(data):
            self.held = data[end:]
        return data[:end]

    def _put(self, found: Match[bytes]) -> bytes:
        if found.lastgroup == "csi":
            return b"\x1b[" + found["csi"]
        if found.lastgroup == "string":
            return b"\x1b\\"  # the whole of it does nothing
        self.held = found[0]
        return b""


class Stripper:
    """Takes out escape codes and control characters: what is left is text, newline, tab, CR and BS.

    The same for any cutting of the stream. Of a sequence that is not over yet, nothing is given.

    Args:
        edits: leave in those that move, erase or insert within a line, as ESC [ digits and semicolons, final, or ESC and one byte;
            and say where they go to another row (`ANOTHER_ROW`).
    """

    def __init__(self, *, edits: bool = False) -> None:
        self._edits = edits
        self._seven_bit = SevenBit()
        self._begun = b""  # a sequence without its end
        self._string = ""  # the kind of string that the stream is in
        self._string_left = 0  # bytes that it may still have

    def copy(self) -> Stripper:
        """Another one in the same state."""
        other = copy.copy(self)
        other._seven_bit = copy.copy(self._seven_bit)
        return other

    def feed(self, data: bytes) -> bytes:
        """The text in the next bytes."""
        return self._strip(self._seven_bit.feed(data))

    @property
    def is_holding(self) -> bool:
        """`end` would give something."""
        return bool(self._seven_bit.held)

    def end(self) -> bytes:
        """No more comes of it: what was held back because it might have become part of a character or a sequence."""
        held, self._seven_bit.held = self._seven_bit.held, b""
        return self._strip(held)

    def _strip(self, data: bytes) -> bytes:
        if self._string:
            data = self._after_string(data)
        if self._begun:
            data, self._begun = self._begun + data, b""
        last = data.rfind(b"\x1b")
        if last < 0:
            return data.translate(LINE_BREAKS, CONTROLS)
        data = self._whole(data, last)
        # A NUL goes with the other controls. Until then it keeps what stood around a sequence from looking like another one.
        text = PLAIN.sub(b"\0", data)
        dropped = CONTROLS
        if b"\x1b" in text and self._edits:
            text, dropped = edits_of(text, data), CONTROLS_BUT_ERASE
        elif b"\x1b" in text and b"\x1b" in (text := EDIT.sub(b"\0", text)):
            text = SEQUENCE.sub(executed_in, data)
        if self._begun:  # what it executes is done, and DEL does nothing
            text += self._begun.translate(None, EXECUTED)
            self._begun = self._begun.translate(CONTROLS_DONE)
        text = text.translate(LINE_BREAKS, dropped)
        return ROW.sub(ANOTHER_ROW, text) if b"\x1b" in text else text

    def _after_string(self, data: bytes) -> bytes:
        """What follows the string that the stream is in; empty if that goes on."""
        end = STRING_ENDS[self._string].search(data, 0, self._string_left + 1)
        if end is None and len(data) <= self._string_left:
            self._string_left -= len(data)
            return b""
        place = self._string_left if end is None else end.start()
        if data[place : place + 1] in TERMINATORS[self._string]:
            place += 1
        self._string = ""
        return data[place:]

    def _whole(self, data: bytes, last: int) -> bytes:
        """Without a sequence at the end that is not over: only the last one can be, since each ESC ends the one before."""
        found = SEQUENCE.match(data, last)
        if found is None or found.end() < len(data):
            return data
        kind = found.lastgroup
        if kind in STRING_ENDS and found.end(kind) == len(data):
            self._string = kind
            self._string_left = MAX_STRING - (len(data) - last - 2)
            return data[:last]
        if kind is None or not found[kind]:  # ESC alone, or no final
            self._begun = data[last:]
            return data[:last]
        return data


def edits_of(text: bytes, data: bytes) -> bytes:
    """The text with what edits the line in it, from what is left without `PLAIN`, and from all of it."""
    text = text.replace(ERASE_TO_END, b"\0").replace(b"\x1b[K", ERASE_TO_END)
    if b"\x1b" in text and STRANGE.search(text) is not None:
        return SEQUENCE.sub(edit_in, data.replace(ERASE_TO_END, b"\0"))
    return text


def edit_in(found: Match[bytes]) -> bytes:
    """What one sequence is among text: the controls in it, then itself if it edits the line."""
    if found["two"]:
        return found[0] if found["two"] in EDIT_ESCAPES else b""
    executed, final = executed_in(found), found["final"]
    if final and final in _EDITS:
        parameters = found["csi"][1:].translate(None, b"\x7f" + bytes(range(0x20)))
        if PARAMETERS.fullmatch(parameters):
            return executed + b"\x1b[" + parameters + final
    return executed


def executed_in(found: Match[bytes]) -> bytes:
    """The controls in one sequence."""
    inside = found["csi"] or found["nf"]
    return inside[1:].translate(None, EXECUTED) if inside else b""


def strip(data: bytes) -> bytes:
    """The text in a whole stream: without escape codes, and without control characters but newline, tab, CR and BS."""
    stripper = Stripper()
    return stripper.feed(data) + stripper.end()
