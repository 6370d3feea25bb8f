"""The template of someone else's controller, and the command that fills it in."""
