"""`python -m harness` is `cloudmask`, but Python looks in the working directory first: outside of a checkout use
`cloudmask`."""

from harness.cli import main

if __name__ == "__main__":
    main()
