"""Authentication, for REST and gRPC: makes a principal from what a caller sends."""
