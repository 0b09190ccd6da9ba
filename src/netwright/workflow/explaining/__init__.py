"""A network of any origin asked why: pictures, tables, pages and what a report shows."""
