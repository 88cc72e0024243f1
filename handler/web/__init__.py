"""The HTTP application: one ASGI app for Lambda (under Mangum) and for a laptop (under uvicorn)."""
