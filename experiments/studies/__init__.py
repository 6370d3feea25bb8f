"""The studies that come with Ampelwerk."""
