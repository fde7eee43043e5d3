"""What an experiment finds about what was claimed: nouns, files, a picture, and the page of all claims."""
