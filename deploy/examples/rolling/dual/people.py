"""The build in between: it writes both names, and reads the one that is there."""


def add(cursor, name):
    cursor.execute("INSERT INTO people (nickname, display_name) VALUES (%s, %s) RETURNING id", (name, name))
    return cursor.fetchone()[0]


def name_of(cursor, person):
    cursor.execute("SELECT coalesce(display_name, nickname) FROM people WHERE id = %s", (person,))
    return cursor.fetchone()[0]


def nameless(cursor):
    cursor.execute("SELECT count(*) FROM people WHERE coalesce(display_name, nickname) = ''")
    return cursor.fetchone()[0]
