SELECT 'a''b', E'c\'d', $x$ ; $x$, "q""q", $1 /* /* */ */ -- x
