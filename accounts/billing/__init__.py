"""Subscriptions through Stripe: what is bought, what it opens, and how the two stay the same."""
