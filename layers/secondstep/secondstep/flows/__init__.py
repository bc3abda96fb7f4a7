"""One module per ceremony. A flow decides; it never imports another flow, and it knows no HTTP."""
