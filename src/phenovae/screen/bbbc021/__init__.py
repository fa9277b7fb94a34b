"""Everything that is true of BBBC021 alone: names, tables, rules, published figures."""
