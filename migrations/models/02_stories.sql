-- What there is to learn: epics and their user stories.

CREATE TABLE epics (
    id serial PRIMARY KEY,
    code varchar(20) NOT NULL UNIQUE,
    name varchar(255) NOT NULL,
    description text,
    story_count integer DEFAULT 0,
    order_index integer,
    prerequisite_epics integer[] DEFAULT '{}'
);

CREATE TABLE user_stories (
    id serial PRIMARY KEY,
    epic_id integer REFERENCES epics (id),
    code varchar(30) NOT NULL UNIQUE,
    title varchar(255) NOT NULL,
    description text,
    acceptance_criteria jsonb NOT NULL,
    difficulty_level varchar(20) DEFAULT 'intermediate',
    estimated_duration_minutes integer,
    applicable_roles varchar(50)[] DEFAULT '{}',
    order_index integer
);
