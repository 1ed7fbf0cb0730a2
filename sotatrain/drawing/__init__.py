"""How Doodlenette is drawn: a pen, the ten objects, and the places where they stand."""
