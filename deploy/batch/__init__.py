"""A job of S3 Batch Operations over a whole bucket: counted, priced, and made."""
