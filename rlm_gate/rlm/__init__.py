"""The RLM audit: what no detector can know, asked of models, grounded by the host."""
