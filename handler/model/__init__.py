"""What runs a network: one module a library, each imported only when an artefact's manifest asks for it."""
