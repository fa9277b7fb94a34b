"""Files from elsewhere: by HTTP, resumed where they stopped, and unpacked without trusting them."""
