"""Rankings: trades folded into running totals, totals into figures, figures into boards."""
