"""The build after the change: it knows the display name only, and needs the table of visits."""


def add(cursor, name):
    cursor.execute("INSERT INTO people (display_name) VALUES (%s) RETURNING id", (name,))
    person = cursor.fetchone()[0]
    cursor.execute("INSERT INTO visits (person_id) VALUES (%s)", (person,))
    return person


def name_of(cursor, person):
    cursor.execute("SELECT display_name FROM people WHERE id = %s", (person,))
    return cursor.fetchone()[0]


def nameless(cursor):
    cursor.execute("SELECT count(*) FROM people WHERE coalesce(display_name, '') = ''")
    return cursor.fetchone()[0]
