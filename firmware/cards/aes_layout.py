"""Where the programme's things lie on an AES card: applications, keys, files and modes. Constants only (docs/cards.md).

One place for the terminal, which reads, and the card office, which writes.
"""

from micropython import const

NTAG424_DF_NAME = b"\xd2\x76\x00\x00\x85\x01\x01"  # ISO DF name of the NDEF application (NT4H2421Gx table 4)
DESFIRE_AID = b"\xf0\x6a\xf5"  # F56AF0, as it is sent: low byte first

# Key numbers, the same on both cards.
CARD_MASTER = const(0)
GROUP_READ = const(1)
SUN_META = const(2)
SUN_MAC = const(3)
RELAY = const(4)
AES_KEYS = const(5)

NDEF_FILE = const(2)  # NTAG 424 DNA only
NDEF_SIZE = const(256)
# What a terminal reads of it: with the status word exactly two frames of 64 bytes.
NDEF_READ_SIZE = const(120)

PAYLOAD_FILE = const(3)
# A file has one mode for reading and writing. Read in clear, a payload would be all a forger needs, together with a
# sector key taken from the air, to pass a Classic card off as this AES card.
PAYLOAD_MODE = const(3)  # FULL, coded as in a file's settings and in `ev2`
DESFIRE_PAYLOAD_SIZE = const(32)
