"""A stateful stand-in for Stripe: the official client works against it by its base address."""
