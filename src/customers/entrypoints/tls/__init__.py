"""TLS on the ports of the service: its certificate, and those of its callers."""
