"""Pages of the rankings: the boards, two entries beside each other, the rules."""
