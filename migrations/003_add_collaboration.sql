-- Collaboration: annotations that users leave on an element of a story.

CREATE TABLE IF NOT EXISTS annotations (
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
