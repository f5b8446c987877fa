"""What every stage uses: errors and exit codes, files, processes."""
