"""TLS on the ports of the service, with certificates of the service and of callers."""
