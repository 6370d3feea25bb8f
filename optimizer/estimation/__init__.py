"""From readings to expected traffic."""
