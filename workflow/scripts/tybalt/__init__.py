"""Tybalt workflow: tuned, checked and readable latent spaces of cancer transcriptomes."""
