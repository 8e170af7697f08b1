"""Bearer tokens in the form of JWT, verified with the keys of a JWKS."""
