"""A memristive crossbar chip, which was only ever simulated: its chip file, and the target that carries it."""
