"""From cells to profiles of treatments: aggregation and normalisation."""
