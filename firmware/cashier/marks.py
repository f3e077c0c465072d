"""What a cashier marks about a sale while its amount is typed: UP makes it a gift, DOWN turns over the baskets.

No question of its own, so a sale keeps its four keys. Knows no journal and no switch.
"""

from micropython import const

from firmware.loyalty.offers import FLAG_GIFT
from firmware.screen import keys as key
from firmware.switch.profile import TAG_BASKET, TAG_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.text.catalogue import Catalogue

_BASKETS = const(9)


class Marks:
    """`gift`, and the `basket` 1 to 9 (0: nobody said)."""

    def __init__(self) -> None:
        self.gift = False
        self.basket = 0

    def press(self, pressed: int) -> bool:
        """Whether this key marks something."""
        if pressed == key.UP:
            self.gift = not self.gift
        elif pressed == key.DOWN:
            self.basket = (self.basket + 1) % (_BASKETS + 1)
        else:
            return False
        return True

    def line(self, text: "Catalogue") -> str:
        """What is marked, "" nothing."""
        words = [text.get("mark_gift")] if self.gift else []
        if self.basket:
            words.append(text.get("mark_basket", self.basket))
        return " ".join(words)

    def tags(self) -> "list[tuple[int, bytes]]":
        """What a sale's message says of it."""
        said = [(TAG_FLAGS, bytes([FLAG_GIFT]))] if self.gift else []
        if self.basket:
            said.append((TAG_BASKET, bytes([self.basket])))
        return said
