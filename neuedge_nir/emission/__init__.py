"""What a plan is loaded with: files for other tools, made of the very numbers that `simulate --as` computes with."""
