"""The optimizer as a service: signal controllers ask every second what to show next."""
