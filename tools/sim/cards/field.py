"""The RF field between reader and cards."""
class Field:
    def __init__(self, clock): self.clock = clock; self.cards = []
    def lay(self, card): self.cards.append(card)
    def remove(self, card): self.cards.remove(card)
