"""Data that lie on this disk already: BIDS derivatives and HCP folders."""
