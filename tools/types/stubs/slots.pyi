"""firmware/service/slots.py, which also stands at the root of the terminal's file system under this name."""

from firmware.service.slots import State as State
from firmware.service.slots import ended as ended
from firmware.service.slots import mount as mount
