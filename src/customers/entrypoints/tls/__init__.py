"""TLS on the REST and gRPC ports, with certificates of the service and of callers."""
