"""The parameters of the contract: `table` lists them, `kinds` are their values, `read` makes a request's wish of them.

The table is the one source of the parser, its error messages, /openapi.json, /docs and the README's list. No library
carries it: `import pydantic` takes five times what `import apispec` takes and alone more than a cold start's HTTP side
has (`python -X importtime`), msgspec stops at the first error, apispec holds documents and reads nothing; and values
such as "10% 20px" would have to be read here in any case.
"""
