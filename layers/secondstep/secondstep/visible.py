"""Which characters a text may hold that people are shown: none that nobody sees, and none that turns the others round.

A right-to-left override makes `gpj.exe` of `exe.jpg`, a zero-width space makes two names look like one (Unicode TR 36,
sections 2.5 and 2.11). As regular expressions, so that the OpenAPI document says the same: Python and ECMA-262 read
them alike.
"""

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_BREAKS = r"\u2028\u2029"  # a line break, to whoever knows Unicode
_DIRECTIONS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN = r"\u00ad\u115f\u1160\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
_TAGS = f"{chr(0xE0000)}-{chr(0xE007F)}"  # as themselves: the two grammars spell them differently
_HIDDEN = _BREAKS + _DIRECTIONS + _UNSEEN + _TAGS
# Persian and the scripts of India spell words with joiners, and so do some emoji: between two characters one sees.
_JOINED = rf"(?<=[^\s{_CONTROLS}{_HIDDEN}])[\u200c\u200d](?=[^\s{_CONTROLS}{_HIDDEN}])"
_END = r"$(?!\n)"  # `$` alone lets a line feed pass

NOT_IN_AN_ADDRESS = rf"\s{_CONTROLS}{_HIDDEN}@,;:<>()\[\]\"\\"
LINE = rf"^(?:[^{_CONTROLS}{_HIDDEN}]|{_JOINED})*{_END}"
LINES = rf"^(?:[^\x00-\x09\x0b-\x1f\x7f-\x9f{_HIDDEN}]|{_JOINED})*{_END}"
