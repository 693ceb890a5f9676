SELECT E'a'
 'b\';' || U&'x', a<=-1, b::int, 1.5e-3, 1..2
