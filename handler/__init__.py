"""The function: what runs in Lambda. `handler.app.lambda_handler` is its only entry."""
