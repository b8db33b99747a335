"""The floor on Google Cloud: a Pulumi program that walks `fluxfloor.topology`. See README.md."""
