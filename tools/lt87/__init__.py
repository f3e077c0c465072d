"""The one table of LT-87, for people and for foreign codecs: the tables of docs/lt87.md and oracle specifications.

The device's columns stand in `firmware/switch/profile.py`; `names` adds what only people read and `layouts` what stands
in which message. Nothing here runs on a terminal.
"""
