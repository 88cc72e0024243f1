"""The parameters of the contract: `table` lists them, `kinds` are their values, `read` makes a request's wish of them.

The table is the one source of the parser, its error messages, /openapi.json, /docs and the README's list. No library
carries it: `import pydantic` alone takes twice as long as a cold start's whole HTTP side (`python -X importtime`),
msgspec stops at the first error, apispec holds documents and reads nothing; and values such as "10% 20px" would have to
be read here in any case.
"""
