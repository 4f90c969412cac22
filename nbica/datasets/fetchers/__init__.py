"""The fetchers of open data sets, one module a source; what they share is in `common`."""
