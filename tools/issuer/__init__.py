"""The card office: whose secrets make a blank card a member's card."""
