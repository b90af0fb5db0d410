"""Releases of a conda metapackage: its recipe, and whether it is good to go.

::

    documents               YAML, of which nothing is believed
    template, values        Jinja's grammar, evaluated over plain values
    reading                 a recipe, rendered
    generated               meta.yaml from recipe.yaml
    variants                the environment variables that a recipe is given
    environments, pypi      its pins for pip and Coiled, and what an index has
    bumping, editing        newer pins, written into its lines
    checking, probe         an environment, held against it
    issues                  known issues and waivers
    measured, validating    go or no-go, with what the sessions say
    conda/                  builds, solves, installs: the only home of rattler
"""
