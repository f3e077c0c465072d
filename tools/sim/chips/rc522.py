"""MFRC522 reader on SPI: bus face."""
class Rc522:
    def __init__(self, clock, field, **s): pass
    def deselect(self): pass
    select = power_on = power_off = deselect
    def set_reset_pin(self, level): pass
    def transfer(self, tx): return bytes(len(tx))
    def irq_pin(self): return None
