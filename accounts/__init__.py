"""Users, plans and entitlements."""
