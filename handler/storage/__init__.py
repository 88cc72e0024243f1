"""S3: the client, and what objects are read and written with it."""
