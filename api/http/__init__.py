"""The HTTP server: routes by story, problem details for errors, and who may ask."""
