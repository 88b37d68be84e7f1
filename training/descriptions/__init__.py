"""From what newcomers say of themselves to their first personal list: readers, checks, costs, lists."""
