"""A demonstration on real photographs, through the real Lambda runtime."""
