"""Who calls: a principal is made here, for both interfaces, from what a caller sends."""
