"""A city's office systems on one side, its node on the other: what is taken from them, and what is given to them."""
