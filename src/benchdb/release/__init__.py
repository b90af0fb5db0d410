"""Releases of a conda metapackage: its recipe, and whether it is good to go.

::

    documents               YAML, of which nothing is believed
    template, values        Jinja's grammar, evaluated over plain values
    reading                 a recipe, rendered
    variants, platforms     the environment variables that a recipe is given, and where it says what
    generated, expressions  meta.yaml from recipe.yaml
    blocks                  its lines
    environments, pypi      its pins for pip and Coiled, and what an index has
    bumping, feedstocks     newer pins, and a release in a feedstock
    editing, edits          written into the lines of a recipe, and into files
    checking, probe         an environment, held against it
    issues                  known issues and waivers
    measured, validating    go or no-go, with what the sessions say
    conda/                  builds, solves, installs: the only home of rattler
"""
