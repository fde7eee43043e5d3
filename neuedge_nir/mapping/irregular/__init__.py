"""Orders in which the neurons of irregular networks are cut: those that share sources beside each other."""
