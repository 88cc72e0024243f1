"""The function's surroundings on one machine: Lambda's runtime, S3, and events. Shared by demo, tests and bench."""
