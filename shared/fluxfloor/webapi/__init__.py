"""A small typed HTTP layer: one route table, strict input, problems that name field and fix, OpenAPI from the models.

It knows nothing of Flask: a `Call` comes in, a `Reply` goes out. `serving.answer` is the one entry.
"""
