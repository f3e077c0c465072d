"""The last digit of a number people type: wrong when one digit is wrong, or two neighbours changed places (ISO/IEC
7812-1, annex B; of neighbours only 0 and 9 escape it). Digits only, so that a keypad can type it."""


def check_digit(digits: str) -> str:
    """What stands behind these digits."""
    total = 0
    for at in range(len(digits)):
        value = int(digits[len(digits) - 1 - at]) * (2 - at % 2)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def right(number: str) -> bool:
    """Whether a number of digits ends with the digit it must have."""
    return len(number) > 1 and number.isdigit() and check_digit(number[:-1]) == number[-1]
