"""How good a model's images are, in numbers: each beside what real cells give for one another."""
