"""The build before the change: it knows the nickname only."""


def add(cursor, name):
    cursor.execute("INSERT INTO people (nickname) VALUES (%s) RETURNING id", (name,))
    return cursor.fetchone()[0]


def name_of(cursor, person):
    cursor.execute("SELECT nickname FROM people WHERE id = %s", (person,))
    return cursor.fetchone()[0]


def nameless(cursor):
    cursor.execute("SELECT count(*) FROM people WHERE nickname = ''")
    return cursor.fetchone()[0]
