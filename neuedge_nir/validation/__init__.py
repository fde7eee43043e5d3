"""Published measurements of chips as data, and what our plans of the same networks say beside them."""
