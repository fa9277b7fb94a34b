"""Variational autoencoders: networks, likelihoods, objectives, training, embedding."""
