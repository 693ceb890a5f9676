-- Annotations, comments, votes, and reports of gaps in a story.

CREATE TABLE annotations (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    story_id integer REFERENCES user_stories (id),
    target_element varchar(255),
    annotation_type varchar(30) NOT NULL,
    content text NOT NULL,
    screenshot_url varchar(500),
    status varchar(30) DEFAULT 'open',
    votes_count integer DEFAULT 0,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE comments (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    target_id varchar(255) NOT NULL,
    content text NOT NULL,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE votes (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    target_id varchar(255) NOT NULL,
    value integer DEFAULT 1,
    created_at timestamptz DEFAULT now(),
    UNIQUE (user_id, target_id)
);

CREATE TABLE gap_reports (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    story_id integer REFERENCES user_stories (id),
    description text NOT NULL,
    status varchar(30) DEFAULT 'open',
    created_at timestamptz DEFAULT now(),
    votes_count integer DEFAULT 0
);
