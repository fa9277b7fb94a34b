"""Which pixels are which nucleus, and which cell."""
