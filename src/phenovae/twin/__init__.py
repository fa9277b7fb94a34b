"""The synthetic twin of a screen: drawn cells with known truth. Never real data."""
