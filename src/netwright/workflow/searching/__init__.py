"""Assembly of a search: trials by the recipe, the winners trained anew and judged."""
