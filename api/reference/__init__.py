"""Everything in the repository that is made from the code: `python -m api.reference`."""
